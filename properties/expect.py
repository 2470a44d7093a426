"""The enclosures of everything that a case asks for, from the oracle.

Second-order gradients are those of S = Re(<dx, Gx> + <dw, Gw> + <db, Gb>), with gradients G,
directions d and <a, b> = sum(conj(a) * b). Gx is the adjoint of conv2d(., w) applied to g, which
holds conj(w); Gw that of conv2d(x, .), with conj(x); Gb that of adding a bias. Therefore

    S = Re <conv2d(dx, w) + conv2d(x, dw) + db, g>

Torch's gradient of a real S with respect to z is dS/dRe(z) + i dS/dIm(z). Of Re <f(z), g> with a
linear f it is the adjoint of f applied to g, and of Re <c, g> with respect to g it is c:

    of x: Gx with dw in place of w, sums of conj(dw) * g
    of w: Gw with dx in place of x, sums of conj(dx) * g
    of g: conv2d(dx, w) + conv2d(x, dw) + db, the tangent, without a conjugation
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import reference
from properties.case import Case, Tensor
from properties.dtypes import Exact
from properties.observation import expected_shapes
from reference import Arithmetic, Enclosure, Modular, gamma
from reference.contractions import magnitude


def enclose(case: Case, name: str, arithmetic: Arithmetic | Modular) -> Enclosure:
    """Return the enclosure of one result."""
    a, by = case.arrays, _Maps(case, arithmetic)
    maps: dict[str, Callable[[], Enclosure]] = {
        "output": lambda: by.output("input", "weight", "bias"),
        "input": lambda: by.gradient_of_input("weight"),
        "weight": lambda: by.gradient_of_weight("input"),
        "bias": lambda: reference.enclose_conv2d_bias(a["grad_output"], arithmetic=arithmetic),
        "second_input": lambda: by.gradient_of_input("direction_weight"),
        "second_weight": lambda: by.gradient_of_weight("direction_input"),
        "sample_weight": lambda: _of_each_image(case, "weight", arithmetic),
        "sample_bias": lambda: _of_each_image(case, "bias", arithmetic),
        "tangent": by.along_the_directions,
        "second_grad_output": by.along_the_directions,
    }
    return maps[name]()


def _of_each_image(case: Case, name: str, arithmetic: Arithmetic | Modular) -> Enclosure:
    """Return the enclosures of a gradient for each image of the batch by itself."""
    shape = (case.input.shape[0], *case.tensors[name].shape)
    mid, rad = np.zeros(shape), np.zeros(shape)
    wild, one_way, overflow = np.zeros(shape, bool), np.zeros(shape, bool), None
    for n in range(shape[0]):
        alone = {key: Tensor.of(case.arrays[key][n : n + 1]) for key in ("input", "grad_output")}
        found = enclose(case.replace(derivative="first", **alone), name, arithmetic)
        mid[n], rad[n], overflow = found.mid, found.rad, found.overflow
        wild[n] = False if found.wild is None else found.wild
        one_way[n] = False if found.one_way is None else found.one_way
    return Enclosure(mid, rad, overflow=overflow, wild=wild, one_way=one_way)


@dataclass(frozen=True)
class _Maps:
    """The bilinear maps of a case in an arithmetic."""

    case: Case
    arithmetic: Arithmetic | Modular

    def output(self, x: str, w: str, bias: str = "") -> Enclosure:
        a = self.case.arrays
        return reference.enclose_conv2d(a[x], a[w], a.get(bias), **self._rest)

    def gradient_of_input(self, w: str) -> Enclosure:
        a, size = self.case.arrays, self.case.input.shape
        return reference.enclose_conv2d_input(size, a[w], a["grad_output"], **self._rest)

    def gradient_of_weight(self, x: str) -> Enclosure:
        a, size = self.case.arrays, self.case.weight.shape
        return reference.enclose_conv2d_weight(a[x], size, a["grad_output"], **self._rest)

    def along_the_directions(self) -> Enclosure:
        """Return the tangent, which is also the second gradient of grad_output.

        The direction of the bias may be in a convolution's sum, or be added to the stored one.
        """
        first = self.output("direction_input", "weight")
        second = self.output("input", "direction_weight", "direction_bias")
        bias = self.case.arrays.get("direction_bias")
        offset = None if bias is None else magnitude(bias)[:, None, None]
        return _sum(first, second, offset, self.arithmetic)

    @property
    def _rest(self) -> dict[str, Any]:
        return {**self.case.arguments, "arithmetic": self.arithmetic}


def _sum(
    first: Enclosure, second: Enclosure, bias: Exact | None, arithmetic: Arithmetic | Modular
) -> Enclosure:
    """Return the ball of a sum of stored results, added up in the output's format, in any order.

    Another gamma(2, u) times the magnitudes, and a last place in float64 for the midpoint here. A
    bias of this magnitude in the second may be a part of its own: then what is left is stored once
    more, and each of three parts passes two additions at most, gamma(3, u) in all. Nothing is
    claimed where a part or the sum may overflow.
    """
    if isinstance(arithmetic, Modular):
        return arithmetic.enclose(first.mid + second.mid)
    wild = first.allows_infinity | second.allows_infinity
    parts = [(np.where(wild, 0, part.mid), np.where(wild, 0, part.rad)) for part in (first, second)]
    mid, rad = parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]
    size = magnitude(parts[0][0]) + magnitude(parts[1][0]) + rad
    steps = 2 if bias is None else 3
    size += 0.0 if bias is None else 2 * bias
    rounding = gamma(steps, arithmetic.output.u) + gamma(2, reference.BINARY64.u)
    rad = (rad + rounding * size + (steps + 1) * arithmetic.output.eta) * (1 + 2.0**-40)
    wild |= size + rad >= arithmetic.output.overflow_threshold
    return Enclosure(mid, np.where(wild, np.inf, rad), wild=wild)


def varying(case: Case, device: str) -> tuple[str, ...]:
    """Return the results whose bits torch leaves open from run to run.

    The backward pass of reflect and replicate padding adds atomically on CUDA, as documented at
    `torch.use_deterministic_algorithms`.
    """
    if case.mode == "benchmark":  # another algorithm may win the next time
        return tuple(expected_shapes(case))
    padding = case.params.padding_mode in ("reflect", "replicate")
    return ("input",) if padding and device.startswith("cuda") else ()
