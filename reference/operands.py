"""How far the conversion of an operand to what a kernel multiplies may move it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reference.arguments import Array, FloatArray
from reference.arithmetic import Arithmetic
from reference.exactness import PREFIX
from reference.formats import Format


class Conversion(NamedTuple):
    """Each element moves by at most `relative` times its magnitude plus its `absolute`."""

    relative: float
    absolute: FloatArray | None

    def widen(self, size: FloatArray) -> FloatArray:
        """Return magnitudes with room for the conversion."""
        wide = size * (1 + self.relative)
        return wide if self.absolute is None else wide + self.absolute


def conversion(array: Array, arithmetic: Arithmetic) -> Conversion:
    """Return the bound of the conversion of factors of products.

    Cutting off a number of p bits moves it by less than 2 u relatively, and rounding by less; a
    subnormal by less than the last place, if it is not flushed to zero. Of a complex number three
    real ones are converted, its parts and, in Gauss's form, their sum: each has its own bound.
    """
    if not np.iscomplexobj(array):
        return _conversion(array, arithmetic)
    parts = [_conversion(p, arithmetic) for p in (array.real, array.imag, array.real + array.imag)]
    absolute = [np.zeros(array.shape) if p.absolute is None else p.absolute for p in parts]
    total = np.maximum(absolute[0] + absolute[1], absolute[2])
    return Conversion(max(part.relative for part in parts), total if total.any() else None)


def _conversion(array: Array, arithmetic: Arithmetic) -> Conversion:
    """Return the bound for real numbers."""
    factors, lost = arithmetic.operands, flushed(array, arithmetic)
    if factors is None or _holds(factors, array):
        return Conversion(0.0, lost)
    size = np.abs(array)
    is_small = (size < factors.smallest_normal) & (size > 0)
    is_large = size >= factors.overflow_threshold
    if lost is None and (is_small.any() or is_large.any()):
        lost = np.where(is_small, factors.eta, 0.0)
    if lost is not None:
        lost[is_large] = np.inf
    return Conversion(2 * factors.u, lost)


def _holds(each: Format, array: Array) -> bool:
    """Tell whether all values are numbers of the format; random data is ruled out at once."""
    parts = (array.reshape(-1)[:length] for length in (PREFIX, None))
    return all(bool(np.all(each.truncate(part) == part)) for part in parts)


def flushed(array: Array, arithmetic: Arithmetic) -> FloatArray | None:
    """Return the magnitude of what may be flushed to zero, and zero elsewhere; None if nothing is.

    That of a complex number is the sum of its parts'.
    """
    if not arithmetic.flushes:
        return None
    least = (arithmetic.operands or arithmetic.output).smallest_normal
    parts = [array.real, array.imag] if np.iscomplexobj(array) else [array]
    lost = sum((np.where(np.abs(p) < least, np.abs(p), 0.0) for p in parts), np.zeros(array.shape))
    return lost if lost.any() else None
