"""Binary floating-point formats: their constants, and rounding to them from float64.

IEEE Std 754-2019, sections 3.3 and 4.3: a finite number of a format with p significant bits is a
multiple of its spacing, 2**(e - p + 1) in the binade of 2**e and eta below the smallest normal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference.arguments import Array, FloatArray


@dataclass(frozen=True)
class Format:
    """A binary format. `precision` counts the bits of the significand, the hidden one included.

    Exponents are those of the smallest normal number, 2**min_exponent, and of the first power of
    two that overflows, 2**max_exponent. float64 holds every number of a `Format`.
    """

    name: str
    precision: int
    min_exponent: int
    max_exponent: int

    @property
    def u(self) -> float:
        """The unit roundoff: the largest relative error of one rounding to nearest."""
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

    @property
    def overflow_threshold(self) -> float:
        """The least number that rounds to infinity, halfway from `largest` to the next power of 2.

        That is 2**max_exponent * (1 - 2**-(p + 1)); of binary64, whose own it is not, infinity.
        """
        return self.largest + math.ldexp(1.0, self.max_exponent - self.precision - 1)

    def round(self, array: Array) -> FloatArray:
        """Return the nearest numbers of the format, ties to even; from the threshold on infinity.

        One rounding of float64 values, as float64; zeros keep their sign and NaN stays NaN.
        """
        return self._on_grid(array, np.rint)

    def truncate(self, array: Array) -> FloatArray:
        """Return the numbers of the format next to the given float64 values towards zero."""
        return np.clip(self._on_grid(array, np.trunc), -self.largest, self.largest)

    def spacing(self, array: Array) -> FloatArray:
        """Return the distance between the numbers of the format in each value's binade."""
        spacing: FloatArray = np.ldexp(1.0, self._exponent(array))
        return spacing

    def _exponent(self, array: Array) -> Array:
        """Return the exponent of the spacing; at zero that of eta, as among subnormals."""
        exponent: Array = np.frexp(array)[1]
        lowest = self.min_exponent + 1
        exponent = np.where(np.equal(array, 0), lowest, np.maximum(exponent, lowest))
        return exponent - self.precision

    def _on_grid(self, array: Array, integer: Callable[[Array], Array]) -> FloatArray:
        array = np.asarray(array, np.float64)
        if self.precision >= 53:
            return array.copy()
        exponent = self._exponent(array)
        # Scaling by a power of two is exact: the quotient is below 2**p, and eta is normal here.
        result = np.ldexp(integer(np.ldexp(array, -exponent)), exponent)
        overflows = np.abs(result) > self.largest
        return np.where(overflows, np.copysign(np.inf, result), result)


BINARY64 = Format("binary64", 53, -1022, 1024)
BINARY32 = Format("binary32", 24, -126, 128)
BINARY16 = Format("binary16", 11, -14, 16)
BRAIN16 = Format("bfloat16", 8, -126, 128)
TENSOR32 = Format("tf32", 11, -126, 128)
