"""Which outputs every order of summation computes exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reference.arguments import Array, FloatArray
from reference.arithmetic import Arithmetic
from reference.formats import BINARY64, Format

PREFIX = 256


def exact_outputs(
    magnitude: FloatArray,
    factors: Sequence[Array],
    addends: Sequence[Array],
    arithmetic: Arithmetic,
    stored: Array | bool = False,
) -> NDArray[np.bool_]:
    """Return which outputs every order of summation computes exactly, the midpoint's included.

    If all terms are multiples of a power of two q, so are all partial sums, and none exceeds
    S = `magnitude`; with S <= q * 2**precision and q normal, each is a number of the format. That
    is the accumulator's, and the output's where partial sums are `stored` in it. So it is for
    complex products, too: all that Gauss's form adds is a multiple of q and at most S.
    """
    formats = [arithmetic.accumulator]
    if np.any(stored) or arithmetic.flushes:
        formats.append(arithmetic.output)
    exact = np.zeros(magnitude.shape, np.bool_)
    # The quantum of a prefix is a multiple of the whole's: random data is ruled out at once.
    for length in (PREFIX, None):
        q = 1.0
        for factor in factors:
            q *= quantum(factor.reshape(-1)[:length])
        for addend in addends:
            q = min(q, quantum(addend.reshape(-1)[:length]))
        if not q >= max(each.smallest_normal for each in formats):
            return np.zeros(magnitude.shape, np.bool_)
        inside, outside = (_limit(each, q) for each in (arithmetic.accumulator, arithmetic.output))
        limit = np.where(stored, min(inside, outside), inside)
        if not np.min(magnitude, initial=np.inf) <= np.max(limit, initial=0.0):
            return np.zeros(magnitude.shape, np.bool_)
        exact = magnitude <= limit
    return exact


def _limit(each: Format, q: float) -> float:
    """Return up to where all multiples of q are numbers of the format.

    A float64 sum of magnitudes below 2**53 * q is itself exact; at that it may be rounded down.
    """
    return min(min(2.0**each.precision, 2.0**BINARY64.precision - 1) * q, each.largest)


def quantum(values: Array) -> float:
    """Return the largest power of two of which all values are multiples; inf if all are zero."""
    if np.iscomplexobj(values):
        return min(quantum(values.real), quantum(values.imag))
    nonzero = values[values != 0]
    if not nonzero.size:
        return np.inf
    if not np.isfinite(nonzero).all():
        return 0.0
    fractions, exponents = np.frexp(nonzero)
    integers = (np.abs(fractions) * 2.0**53).astype(np.int64)
    lowest = (integers & -integers).astype(np.float64)
    return float(np.ldexp(lowest, exponents - 53).min())
