"""The checks that a fault must fail: calls of one nominal length, as the strategies put them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from properties.case import Case, Tensor
from properties.drafts import VALUES, Draft, Geometry
from properties.expect import enclose
from properties.known import Avoidance
from properties.rows import STRICT
from reference import Arithmetic, Enclosure
from tests.faults.kernels import Operands
from tests.faults.orders import Array

CHANNELS, OUTPUT = 8, (8, 8)
POSITIONS = OUTPUT[0] * OUTPUT[1]
SHAPES = {27: (3, 3), 64: (64, 1), 144: (16, 3), 576: (64, 3), 4608: (512, 3)}  # n: C, KH = KW
SCALED = "normal, scaled"
# Not among the kinds that the strategies draw: they must not be needed, and see what else sees.
OTHERS = ("default init", "two taps")
DRAWN = (*VALUES, SCALED)


class Checks(NamedTuple):
    """All checks of one seed: their operands side by side, and an enclosure for each."""

    names: tuple[str, ...]
    arithmetic: Arithmetic
    operands: Operands
    enclosures: tuple[Enclosure, ...]

    def failed(self, outputs: Array) -> dict[str, int]:
        """Return how many outputs are outside of their enclosures, of the checks that have any."""
        found = zip(self.names, outputs, self.enclosures, strict=True)
        outside = {n: int((~e.contains(y.reshape(e.mid.shape))).sum()) for n, y, e in found}
        return {name: count for name, count in outside.items() if count}


@dataclass(frozen=True)
class Maker:
    """Makes the checks of a dtype and a number of terms."""

    dtype: str
    n: int

    def checks(self, seed: int) -> Checks:
        """Return the checks of a seed."""
        arithmetic = STRICT[self.dtype]
        assert isinstance(arithmetic, Arithmetic)
        cases = {name: self.case(name, seed) for name in (*DRAWN, *OTHERS)}
        sides = [_operands(case) for case in cases.values()]
        operands = Operands(
            np.stack([each.weight for each in sides], 1),
            np.stack([each.input for each in sides], 1),
            np.stack([each.bias for each in sides]),
        )
        found = tuple(enclose(case, "output", arithmetic) for case in cases.values())
        return Checks(tuple(cases), arithmetic, operands, found)

    def case(self, name: str, seed: int) -> Case:
        """Return one call."""
        if name in VALUES:
            return self._drawn(name, seed)
        if name == SCALED:
            return self._drawn("normal", seed, scale=-1)
        case = self._drawn("normal", seed)
        random, shape = np.random.default_rng(seed), case.weight.shape
        if name == "default init":
            weight = random.uniform(-1, 1, shape) / np.sqrt(self.n)
        else:
            places = random.permuted(np.tile(np.arange(self.n), (CHANNELS, 1)), axis=1)
            kept = (places < 2).reshape(shape)
            weight = np.where(kept, case.arrays["weight"], 0.0)
        return case.replace(weight=Tensor.of(weight))

    def _drawn(self, values: str, seed: int, scale: int = 0) -> Case:
        shared, extent = SHAPES[self.n]
        geometry = Geometry(
            kernel=(extent, extent),
            stride=(1, 1),
            padding="valid",
            dilation=(1, 1),
            padding_mode="zeros",
            output=OUTPUT,
            spare=(0, 0),
            fit="free",
        )
        draft = Draft(
            geometry=geometry,
            dtype=self.dtype,
            bias=True,
            passes="forward",
            groups=1,
            multiplier=CHANNELS,
            shared=shared,
            batch="1",
            layouts=("contiguous",) * 4,
            values=values,
            seed=seed,
            scale=scale,
        )
        return draft.assemble(Avoidance())


def _operands(case: Case) -> Operands:
    """Return the factors of all products, term by term, of a call with plain parameters."""
    x, w, bias = (case.arrays[name] for name in ("input", "weight", "bias"))
    windows = np.lib.stride_tricks.sliding_window_view(x[0], w.shape[2:], (1, 2))
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(-1, 1, POSITIONS)
    return Operands(w.reshape(CHANNELS, -1).T[:, :, None], columns, bias[:, None])
