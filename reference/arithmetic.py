"""The floating-point arithmetic that a kernel declares, and Higham's gamma."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reference.arguments import FloatArray


@dataclass(frozen=True)
class Arithmetic:
    """A binary format in which a kernel multiplies, accumulates and stores, rounding to nearest.

    `precision` counts the bits of the significand, the hidden one included; exponents are those of
    the smallest normal number, 2**min_exponent, and of the first power of two that overflows.
    """

    name: str
    precision: int
    min_exponent: int
    max_exponent: int

    @property
    def u(self) -> float:
        """The unit roundoff: the largest relative error of one operation."""
        return math.ldexp(1.0, -self.precision)

    @property
    def eta(self) -> float:
        """The smallest positive subnormal number."""
        return math.ldexp(1.0, self.min_exponent - self.precision + 1)

    @property
    def smallest_normal(self) -> float:
        """The smallest positive normal number."""
        return math.ldexp(1.0, self.min_exponent)

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return math.ldexp(2.0 - 2.0 * self.u, self.max_exponent - 1)


FLOAT32 = Arithmetic("float32", 24, -126, 128)
FLOAT64 = Arithmetic("float64", 53, -1022, 1024)


def gamma(n: ArrayLike, u: float) -> FloatArray:
    """Return n * u / (1 - n * u), which bounds n roundings taken together; inf once n * u >= 1.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, Lemma 3.1: for |d_i| <= u
    the product of n factors (1 + d_i) or 1 / (1 + d_i) is 1 + t with |t| <= gamma(n, u).
    """
    product = np.asarray(n, np.float64) * u
    below = np.minimum(product, 0.5 + product / 2)  # keeps the division defined where it is unused
    bound: FloatArray = np.where(product < 1, product / np.maximum(1 - below, u / 4), np.inf)
    return bound[()]
