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

EXPONENT_BITS = np.int64(0x7FF << 52)  # of a float64


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
        bits = np.asarray(array, np.float64).view(np.int64) & EXPONENT_BITS
        # The exponent field alone is the power of two below; zero, of zero and subnormals.
        spacing: FloatArray = np.asarray(
            bits.view(np.float64) * math.ldexp(1.0, 1 - self.precision)
        )
        np.maximum(spacing, self.eta, out=spacing)
        return np.minimum(spacing, math.ldexp(1.0, 1024 - self.precision), out=spacing)

    def _on_grid(self, array: Array, integer: Callable[[Array], Array]) -> FloatArray:
        array = np.asarray(array, np.float64)
        if self.precision >= BINARY64.precision:
            return array.copy()
        spacing = self.spacing(array)
        with np.errstate(over="ignore"):
            result = integer(array / spacing) * spacing  # by a power of two, so exact twice
        overflows = np.abs(result) > self.largest
        return np.where(overflows, np.copysign(np.inf, result), result)


BINARY64 = Format("binary64", 53, -1022, 1024)
BINARY32 = Format("binary32", 24, -126, 128)
BINARY16 = Format("binary16", 11, -14, 16)
BRAIN16 = Format("bfloat16", 8, -126, 128)
TENSOR32 = Format("tf32", 11, -126, 128)
