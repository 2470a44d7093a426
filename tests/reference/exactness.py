"""Hard problems for exact sums, and the same sums in Python's integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

import reference
from reference.exact_complex import joined
from tests.reference.problems import Array, Index, Problem, problems

UNIT = 1074  # every float64 is an integer times 2**-UNIT
Random = np.random.Generator


def _normal(random: Random, shape: Index) -> Array:
    return random.standard_normal(shape)


def _single(random: Random, shape: Index) -> Array:
    return random.standard_normal(shape).astype(np.float32).astype(np.float64)


def _sparse(random: Random, shape: Index) -> Array:
    return random.standard_normal(shape) * (random.random(shape) < 0.4)


def _wide(random: Random, shape: Index, low: int, high: int) -> Array:
    exponents = random.integers(low, high, shape)
    return np.ldexp(random.standard_normal(shape), exponents).astype(np.float64)


def _signs(random: Random, shape: Index) -> Array:
    return random.choice(np.array([-1.0, 1.0]), shape)


def _ties(random: Random, shape: Index) -> Array:
    """Return few bits, far apart: sums end halfway between two numbers, or a little off."""
    magnitudes = np.array([1, 3, 2**26, 2**27, 2**53], np.float64)
    values: Array = _signs(random, shape) * random.choice(magnitudes, shape)
    return values


def _cancelling(random: Random, shape: Index) -> Array:
    """Return numbers next to +-1: sums of products are near 0 or exactly 0."""
    return _signs(random, shape) * (1 + random.integers(0, 3, shape) * 2.0**-52)


# What each kind draws for the operands, and the exponent that is added to all of them; the bias
# gets it twice, so that it is of the size of the products.
KINDS: dict[str, tuple[Callable[[Random, Index], Array], tuple[int, int]]] = {
    "normal": (_normal, (0, 1)),
    "single": (_single, (0, 1)),
    "sparse": (_sparse, (-300, 300)),
    "wide": (partial(_wide, low=-60, high=60), (-400, 400)),
    "widest": (partial(_wide, low=-190, high=190), (-300, 300)),
    "cancelling": (_cancelling, (-480, 480)),
    "ties": (_ties, (-450, 450)),
    "tied subnormal": (_ties, (-570, -530)),
    "subnormal": (partial(_wide, low=-20, high=20), (-545, -500)),
    "vanishing": (partial(_wide, low=-20, high=20), (-1060, -600)),
    "overflow": (partial(_wide, low=-3, high=3), (507, 512)),
}


@dataclass(frozen=True)
class Hard(Problem):
    """A problem whose values are of one of the kinds above; input and weight trade scales."""

    shift: int = 0
    trade: int = 0

    def _draw(self, shape: Index, stream: int) -> Array:
        random = np.random.default_rng((self.seed, stream))
        values = KINDS[self.values][0](random, shape)
        shift = self.shift + (self.trade, -self.trade, self.shift, -self.trade)[stream]
        with np.errstate(over="ignore", under="ignore"):
            scaled = np.ldexp(values, shift)
        return np.nan_to_num(scaled)  # inf becomes the largest number


class HardComplex(Hard):
    """A problem whose operands are complex: each part is drawn like a real one."""

    def _draw(self, shape: Index, stream: int) -> Any:
        other = Hard(*astuple(replace(self, seed=self.seed + 1)))
        return joined(super()._draw(shape, stream), other._draw(shape, stream))


@dataclass(frozen=True)
class Gaussian:
    """A complex number whose parts are Python's integers."""

    real: int
    imag: int

    def __add__(self, other: Gaussian | int) -> Gaussian:
        return Gaussian(self.real + other.real, self.imag + other.imag)

    __radd__ = __add__

    def __mul__(self, other: Gaussian | int) -> Gaussian:
        (a, b), (c, d) = (self.real, self.imag), (other.real, other.imag)
        return Gaussian(a * c - b * d, a * d + b * c)

    def conjugate(self) -> Gaussian:
        """Return the number with the other sign of the imaginary part."""
        return Gaussian(self.real, -self.imag)


@st.composite
def hard_problems(draw: st.DrawFn, kind: str, type_: type[Hard] = Hard) -> Hard:
    """Return a strategy for problems of a kind."""
    p = draw(problems(max_output=3))
    low, high = KINDS[kind][1]
    shift = draw(st.integers(low, high))
    trade = draw(st.sampled_from([0, 0, 40, -300, 450]))
    return type_(p.input_shape, p.weight_shape, p.arguments, p.seed, kind, shift, trade)


def results(p: Problem) -> list[Array]:
    """Return the output, and the gradients of input, weight and bias, as the package sums them."""
    a: dict[str, Any] = p.arguments
    return [
        reference.conv2d_exact(p.x, p.w, p.b, **a),
        reference.conv2d_input_exact(p.input_shape, p.w, p.gy, **a),
        reference.conv2d_weight_exact(p.x, p.weight_shape, p.gy, **a),
        reference.conv2d_bias_exact(p.gy),
    ]


def expected(p: Problem) -> list[Any]:
    """Return the same from the list of products, in integers, by one division each."""
    x, w, b, gy = (integers(array) for array in (p.x, p.w, p.b, p.gy))
    shapes = p.output_shape, p.input_shape, p.weight_shape, p.b.shape
    y, gx, gw, gb = (np.zeros(shape, object) for shape in shapes)
    for o in np.ndindex(p.output_shape):
        y[o] = b[o[-3]] * 2**UNIT
        gb[o[-3]] += gy[o] * 2**UNIT
    for i, k, o in p.triples():
        y[o] += x[i] * w[k]
        gx[i] += w[k].conjugate() * gy[o]
        gw[k] += x[i].conjugate() * gy[o]
    return [_rounded(sums, p.x.dtype) for sums in (y, gx, gw, gb)]


def integers(array: Array) -> Any:
    """Return the elements as Python's integers, in multiples of 2**-UNIT."""
    found = np.zeros(array.shape, object)
    for index, value in np.ndenumerate(array):
        if np.iscomplexobj(array):
            found[index] = Gaussian(_integer(value.real), _integer(value.imag))
        else:
            found[index] = _integer(value)
    return found


def nearest(numerator: int, denominator: int = 1) -> float:
    """Return the float64 nearest to a quotient: Python divides integers with one rounding."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf


def mismatches(p: Problem) -> Iterator[str]:
    """Yield a line for each element whose bits are not those of the integers' sum."""
    for name, ours, exact in zip(("y", "gx", "gw", "gb"), results(p), expected(p), strict=True):
        assert ours.dtype == exact.dtype
        assert ours.shape == exact.shape
        for index in np.ndindex(exact.shape):
            if ours[index].tobytes() != exact[index].tobytes():
                yield f"{name}{list(index)}: {ours[index]!r} is not {exact[index]!r} in {p}"


def _integer(value: float) -> int:
    numerator, denominator = float(value).as_integer_ratio()
    return numerator * (1 << UNIT) // denominator


def _rounded(sums: Any, dtype: Any) -> Any:
    values = np.zeros(sums.shape, dtype)
    for index, total in np.ndenumerate(sums):
        for part in ("real", "imag")[: 1 + np.iscomplexobj(values)]:
            getattr(values, part)[index] = nearest(getattr(total, part), 2 ** (2 * UNIT))
    return values
