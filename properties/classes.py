"""The class of an algorithm: direct, or one that transforms tiles (Winograd) or planes (FFT).

A fast algorithm's error is governed by the largest operands of a tile or plane, so its results miss
the direct bound and meet a normwise one. Where its row does not declare that, it is told from a
wrong value by what only such an algorithm does: one NaN reaches outputs that do not see it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

import reference
from properties.case import Case, Tensor
from properties.dtypes import Exact
from properties.judge import judge_readings
from properties.observation import Observation
from properties.special import enclosures
from reference import Arithmetic, Modular
from reference.arithmetic import Algorithm

# What each declared class may use; a transform of planes may be one of tiles as large.
ALLOWED: dict[Algorithm, tuple[Algorithm, ...]] = {
    "direct": (),
    "fast-tile": ("fast-tile",),
    "fast-plane": ("fast-tile", "fast-plane"),
}


def direct(row: Arithmetic | Modular) -> Arithmetic | Modular:
    """Return the row of a direct kernel with the same arithmetic."""
    return row if isinstance(row, Modular) else replace(row, algorithm="direct")


def fast_class(
    case: Case, name: str, observed: Exact, row: Arithmetic | Modular
) -> Algorithm | None:
    """Return the fast class in whose bound every element lies; None if there is none.

    The gradient of the bias is a plain sum and has no fast form.
    """
    if isinstance(row, Modular) or name in ("bias", "sample_bias"):
        return None
    for algorithm in ALLOWED["fast-plane"]:
        if judge_readings(observed, enclosures(case, name, replace(row, algorithm=algorithm)))[
            1
        ].ok:
            return algorithm
    return None


@dataclass(frozen=True)
class Reach:
    """Rows and columns of results that one NaN reaches, and that it reaches by the definition."""

    found: tuple[int, int]
    defined: tuple[int, int]
    beyond: bool

    def __str__(self) -> str:
        found, defined = ("x".join(map(str, pair)) for pair in (self.found, self.defined))
        return f"one NaN reaches {found} results, {defined} by the definition"


def reach(run: Callable[[Case], Observation], case: Case, name: str) -> Reach:
    """Measure the spread of one NaN in a call of this shape: in the input, or in grad_output."""
    backward = name == "input"
    spotted, result = ("grad_output", "input") if backward else ("input", "output")
    probe = case.forward()
    if backward:
        probe = probe.replace(gradients=("input",), grad_output=case.grad_output)
    ones = {key: Tensor.of(np.ones(t.shape), t.layout) for key, t in probe.tensors.items()}
    shape = probe.tensors[spotted].shape
    spot = (*(0 for _ in shape[:-2]), shape[-2] // 2, shape[-1] // 2)
    values = np.ones(shape)
    values[spot] = np.nan
    ones[spotted] = Tensor.of(values, probe.tensors[spotted].layout)
    poisoned = np.isnan(run(probe.replace(**ones)).arrays[result])
    sees = _sees(probe, spot, backward)
    return Reach(_extent(poisoned), _extent(sees), bool(np.any(poisoned & ~sees)))


def _sees(probe: Case, spot: tuple[int, ...], backward: bool) -> npt.NDArray[np.bool_]:
    """Return which results have a product with the element at `spot`."""
    weight = np.ones(probe.weight.shape)
    if backward:
        one = np.zeros(probe.output_shape)
        one[spot] = 1.0
        return np.not_equal(
            reference.conv2d_input(probe.input.shape, weight, one, **probe.arguments), 0
        )
    one = np.zeros(probe.input.shape)
    one[spot] = 1.0
    return np.not_equal(reference.conv2d(one, weight, **probe.arguments), 0)


def _extent(mask: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return height and width of the smallest box round the true elements of any channel."""
    axes = tuple(range(mask.ndim - 2))
    rows, columns = (np.flatnonzero(mask.any((*axes, axis))) for axis in (-1, -2))
    if not rows.size:
        return 0, 0
    return int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
