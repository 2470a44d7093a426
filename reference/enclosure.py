"""Ball arithmetic: a midpoint and a radius per element, and where infinities are legitimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.arguments import Array, ArrayLike, FloatArray, as_dtype_of, read

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Every value that a declared arithmetic may return: |y - mid| <= rad, element by element.

    The midpoint is float64, int64 (then the radius is 0), or complex128 (then the radius holds for
    the real and for the imaginary part). An infinite radius claims nothing of finite values.
    Numbers of magnitude `overflow` or more are stored as infinities, of binary64 those that float64
    rounds to one; without it none is. Where partial results may overflow, `wild`, any infinity or
    NaN is legitimate; where they may only on the side of the midpoint, `one_way`, its infinity is.
    A midpoint that is infinite or NaN, with the radius 0, holds itself alone. `probable` is a
    smaller radius that random data exceed rarely: beyond it is worth a warning. Zeros of both signs
    are equal.
    """

    mid: Array
    rad: FloatArray
    probable: FloatArray | None = None
    overflow: float | None = None
    wild: Mask | None = None
    one_way: Mask | None = None

    def __post_init__(self) -> None:
        for name in ("rad", "probable", "wild", "one_way"):
            array = getattr(self, name)
            if array is not None and array.shape != self.mid.shape:
                raise ValueError(
                    f"`{name}` of shape {array.shape} is not {self.mid.shape}, as `mid`"
                )

    def __getitem__(self, index: Any) -> Enclosure:
        """Return the balls of the elements that a NumPy index picks."""
        probable, wild, one_way = (
            None if array is None else array[index]
            for array in (self.probable, self.wild, self.one_way)
        )
        return Enclosure(self.mid[index], self.rad[index], probable, self.overflow, wild, one_way)

    def contains(self, y: ArrayLike) -> Mask:
        """Return which elements of `y` lie inside.

        An infinity does if its ball reaches the numbers that overflow to it, and a ball entirely
        among those holds no finite number of the format; a NaN only does where `wild`, or as the
        midpoint at radius 0. Integers must be equal. A ValueError if `y` has another shape, or
        elements that the type of the midpoint does not hold.
        """
        operand = read("y", y)
        if operand.shape != self.mid.shape:
            raise ValueError(f"`y` of shape {operand.shape} is not {self.mid.shape}, as `mid`")
        values = as_dtype_of(operand, self.mid)
        if values.dtype == np.int64:
            equal: Mask = values == self.mid
            return equal
        if not np.iscomplexobj(values):
            return self._holds(values, self.mid)
        return self._holds(values.real, self.mid.real) & self._holds(values.imag, self.mid.imag)

    @property
    def requires_infinity(self) -> Mask:
        """Where every value of the ball is stored as an infinity (of complex, in some part)."""
        beyond = self._overflows(-self.rad)
        return beyond if self.wild is None else beyond & ~self.wild

    @property
    def allows_infinity(self) -> Mask:
        """Where some value of the ball, or of a partial result, is stored as an infinity."""
        return self._overflows(self.rad) | self.may_overflow

    @property
    def may_overflow(self) -> Mask:
        """Where a partial result may overflow, on either side of zero."""
        found = np.zeros(self.mid.shape, np.bool_)
        for mask in (self.wild, self.one_way):
            found = found if mask is None else found | mask
        return found

    def _overflows(self, margin: FloatArray) -> Mask:
        """Return where the magnitude of a part, plus a margin, is stored as an infinity."""
        if self.overflow is None:
            return np.zeros(self.mid.shape, np.bool_)
        with np.errstate(invalid="ignore", over="ignore"):
            largest = np.maximum(np.abs(self.mid.real), np.abs(self.mid.imag)) + margin
            beyond: Mask = largest >= self.overflow
        return beyond

    def _holds(self, values: Array, mid: Array) -> Mask:
        with np.errstate(invalid="ignore", over="ignore"):
            inside: Mask = (np.abs(values - mid) <= self.rad) | (values == mid)
            if np.isfinite(values).all():
                return inside
            inside |= np.isnan(values) & np.isnan(mid) & (self.rad == 0)
            if self.overflow is not None:
                reach = np.copysign(1.0, values) * mid + self.rad
                inside |= np.isinf(values) & (reach >= self.overflow)
            if self.one_way is not None:
                inside |= self.one_way & np.isinf(values) & (values * mid > 0)
        return inside if self.wild is None else inside | (self.wild & ~np.isfinite(values))
