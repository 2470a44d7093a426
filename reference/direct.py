"""The radius of kernels that sum the products of the definition, in any order.

Notation: u, eta, lambda are the unit roundoff, the smallest subnormal and the smallest normal of a
format; g(k, u) = k u / (1 - k u) is `gamma`; S is the sum of the terms' magnitudes. Only nonzero
terms count, since adding and multiplying by an exact zero is exact.

Operands. Whatever takes a factor x no further from zero than some x' > |x| (`reference.operands`)
moves the exact sum by at most R - S, where R is S of the x'; and R replaces S in all that follows.

Sums. Of n terms each passes at most n - 1 additions, and a product one rounding of its own unless
the accumulator holds it: k factors 1 + d, |d| <= u, so by Higham's Lemma 3.1 (see `gamma`) the
error is at most g(k, u) R. Splitting the sum or fusing a product with its addition adds none.

Truncation (the model is that of Fasi, Higham, Mikaitis and Pranesh, Numerical behavior of NVIDIA
tensor cores, PeerJ Computer Science 7, 2021). A block adds m nonzero products and the accumulator:
all are cut to multiples of the grid of the largest, at most 2 u max|t| each and the largest not at
all, and the exact sum of what remains is cut to p bits, another 2 u relatively. That is at most
2 (m + 1) u times the magnitudes, no more than 4 m u; without an accumulator 2 m u, which is 0 for
m = 1 and else at most 4 (m - 1) u. Joining two such chains costs 2 u. So n terms in any blocks
carry at most 4 (n - 1) factors: four for each addition.

Stores. A sum in P parts, each rounded to the output's format and then added there, passes at most
P such roundings, of which the last is the final one: k' = P - 1 factors with the output's u.

Final rounding, where the accumulator is not the output: half the spacing at |y| + error.

Underflow. Additions are exact among subnormals (Hauser 1996); a product is off by eta / 2 more, by
eta if truncated; what flushes is off by lambda. Each is carried on by the factors above.

Complex numbers, in three real sums (Gauss: a = Re Re, b = Im Im, c = (Re + Im)(Re + Im), with real
part a - b and imaginary part c - a - b) or in four. Let S be the sum of (|Re x| + |Im x|)(|Re w| +
|Im w|), which bounds the magnitudes of c, and those of a and b together. A term of c has two
factors for the rounded operands and two for the subtractions besides its k, so each part is off by
at most 2 g(k + 4, u) S <= g(2 (k + 4), u) S; four real sums of 2 n terms have 2 k + 1 factors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference.arguments import Array, FloatArray
from reference.arithmetic import Arithmetic, gamma
from reference.formats import BINARY64

INFLATION = 1 + 2.0**-40  # covers the handful of roundings in the evaluation of a radius itself
COMBINING = 4  # factors of a complex product beside those of its sums

Growth = Callable[[Array, float], FloatArray]


@dataclass(frozen=True)
class Sums:
    """Per element, a sum of nonzero products and addends, and all that its error depends on.

    `magnitude` and `reach` are S and R, `parts` says how many parts are stored one by one. Counts
    may have any shape that broadcasts to the sums'. Without a midpoint, S stands for its size; one
    that `is_certified` is the exact sum, rounded once.
    """

    products: Array | int
    addends: Array | int
    magnitude: FloatArray
    reach: FloatArray
    parts: Array | int = 1
    mid: Array | None = None
    is_certified: bool = False

    @property
    def is_complex(self) -> bool:
        """Tell whether these are sums of complex products."""
        return self.mid is not None and np.iscomplexobj(self.mid)

    @property
    def terms(self) -> Array:
        """The number of terms."""
        return np.add(self.products, self.addends)

    @property
    def is_bare(self) -> Array:
        """Where no operation is done: there is no term, or a single real addend."""
        return np.less_equal(self.terms, 0 if self.is_complex else np.equal(self.products, 0))

    def roundings(self, arithmetic: Arithmetic) -> tuple[Array, Array]:
        """Return the factors on the way of a term: those of the accumulator, of earlier stores."""
        terms, each = self.terms, 4 if arithmetic.truncates else 1
        inner = each * np.maximum(terms - 1, 0)
        if not arithmetic.has_exact_products:
            inner = inner + (2 if arithmetic.truncates else 1) * np.greater(self.products, 0)
        outer = np.zeros_like(terms)
        if arithmetic.rounds_output:
            outer = np.maximum(np.minimum(self.parts, terms) - 1, 0)
        if not self.is_complex:
            return inner, outer
        some = np.greater(terms, 0)
        if arithmetic.rounds_output:  # the three sums are stored, too
            return 2 * inner, 2 * (outer + (COMBINING + 1) * some)
        return 2 * (inner + COMBINING * some), outer


def radius(sums: Sums, arithmetic: Arithmetic) -> FloatArray:
    """Return how far a stored result may be from the exact sum, and that from the midpoint."""
    with np.errstate(all="ignore"):
        error = accumulated(sums, arithmetic)
        return sealed(error + final_rounding(error, sums, arithmetic))


def sealed(error: FloatArray) -> FloatArray:
    """Give an error, in place, room for the roundings of its own evaluation; infinity for NaN."""
    error *= INFLATION
    if np.isnan(np.max(error, initial=0.0)):
        error[np.isnan(error)] = np.inf
    return error


def accumulated(sums: Sums, arithmetic: Arithmetic, grow: Growth = gamma) -> FloatArray:
    """Return the error before the final rounding; the midpoint's own is that of a float64 sum."""
    factor, some = growth(sums, arithmetic, grow), ~sums.is_bare
    own = gamma(2 * (sums.terms + COMBINING + 1) if sums.is_complex else sums.terms + 1, BINARY64.u)
    moved_by = 0.0 if sums.is_certified else own
    error: FloatArray = np.multiply(some * (factor + moved_by) * (1 + 2 * own), sums.reach)
    if sums.is_certified and sums.mid is not None:
        largest = np.maximum(np.abs(sums.mid.real), np.abs(sums.mid.imag))
        error += some * np.maximum(BINARY64.u * largest, BINARY64.eta)
    if sums.reach is not sums.magnitude:
        moved = sums.reach - sums.magnitude + 3 * own * some * sums.reach
        error += (2 if sums.is_complex else 1) * moved
    error += some * (1 + factor) * _underflow(sums, arithmetic)
    return error


def growth(sums: Sums, arithmetic: Arithmetic, grow: Growth = gamma) -> FloatArray:
    """Return the excess over 1 of the factors of the accumulator and of earlier stores."""
    inner, outer = sums.roundings(arithmetic)
    first = grow(inner, arithmetic.accumulator.u)
    if not np.any(outer):
        return first
    second = grow(outer, arithmetic.output.u)
    return first + second + first * second


def _underflow(sums: Sums, arithmetic: Arithmetic) -> FloatArray:
    """Return the sum of all absolute errors."""
    accumulator, output = arithmetic.accumulator, arithmetic.output
    _, outer = sums.roundings(arithmetic)
    each = accumulator.eta / (1 if arithmetic.truncates else 2)
    lost = sums.products * (each + 2 * BINARY64.eta)
    stored = outer * output.eta
    if arithmetic.flushes:
        lost = lost + (2 * sums.products + sums.addends) * accumulator.smallest_normal
        stored = 2 * outer * output.smallest_normal
    total: FloatArray = (3 if sums.is_complex else 1) * (lost + stored)
    return total


def final_rounding(error: FloatArray, sums: Sums, arithmetic: Arithmetic) -> FloatArray | float:
    """Return half the spacing of the output at the largest possible sum, or what may be flushed.

    Complex sums and sums in the output's own format have no rounding left.
    """
    if sums.is_complex or not arithmetic.rounds_output:
        return 0.0
    output = arithmetic.output
    size = sums.magnitude if sums.mid is None else np.abs(sums.mid)
    half = output.spacing(size + error) / 2
    if arithmetic.flushes:
        least = size - error if sums.mid is not None else 0.0
        half = np.where(least < output.smallest_normal, output.smallest_normal, half)
    half *= ~sums.is_bare
    return half


def direct_radius(
    products: Array | int, addends: Array | int, magnitude: FloatArray, arithmetic: Arithmetic
) -> FloatArray:
    """Return the radius of sums of nonzero products and addends whose magnitudes add up to S."""
    return radius(Sums(products, addends, magnitude, magnitude), arithmetic)
