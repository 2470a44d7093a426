"""Sums of digits in base 2**bits, rounded once to the nearest float64.

The value is the sum over i of digits[i] * 2**(exponent - bits * i), of integers up to 2**53.

Carries go first. They leave |digits[i]| <= 2**(bits - 1) for i > 0; with bits >= 3, what follows a
digit is then less than 0.6 of its unit, and has the sign of its own first nonzero digit.

`_nearest` then adds from the top down, and loses nothing: Fast2Sum(a, b) returns s = fl(a + b) and
t = a + b - s if a is a multiple of ulp(b). (Dekker 1971 for |a| >= |b|. Otherwise a + b is a
multiple of ulp(b), too: either s is exact; or |a + b| is between 2**53 ulp(b) and 2 |b|, and s - a
is a multiple of ulp(b) that differs from b by at most ulp(b).) While `high` is exact it is a
multiple of the last unit, and `low` is 0; once it is not, half an ulp of it is a multiple of the
digit's unit, and more digits do not change it. They go to `low`, and from there likewise to
`rest`, of which only the sign is used: that of its first nonzero addend.

Finally (nearest, error) = Fast2Sum(high, low). `error` and half an ulp of `nearest` are multiples
of ulp(low), and |rest| < ulp(low). So `rest` matters only where |error| is half the distance to
the neighbour on its side, a tie, and `rest` points there: where nearest + 2 error is a number, the
test of math.fsum.

A result below the smallest normal number has fewer bits. Added to a power of two C of its sign
whose ulp is the subnormal quantum, it is rounded where it must be, and once: C + value < 2 C.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.arguments import Array, FloatArray

MIN_EXPONENT = -1022  # of normal float64 numbers
LARGEST_START = 900


def rounded(sums: list[Array], bits: int, exponent: int) -> FloatArray:
    """Return the value of the digits, to nearest, ties to even; inf beyond the largest number.

    Zero is +0 where the value is zero, and has the sign of a value that is rounded to it.
    """
    digits = _carried(sums, bits)
    with np.errstate(all="ignore"):
        value = _nearest(digits, bits, 0.0)
        # A value below 2**54 vanishes beside any start from 2**108 on.
        start = 2.0 ** min(MIN_EXPONENT - exponent, LARGEST_START)
        small = (np.abs(value) < start) & (value != 0)
        if small.any():
            starts = np.copysign(start, value[small])
            parts = [np.broadcast_to(digit, small.shape)[small] for digit in digits]
            value[small] = np.copysign(_nearest(parts, bits, starts) - starts, starts)
        result: FloatArray = np.ldexp(value, exponent)
    return result


def _carried(sums: list[Array], bits: int) -> list[Array]:
    """Return digits of the same value, all but the first of at most 2**(bits - 1)."""
    digits = list(sums)
    for i in range(len(digits) - 1, 0, -1):
        carry = np.rint(digits[i] * 2.0**-bits)
        digits[i] = digits[i] - carry * 2.0**bits
        digits[i - 1] = digits[i - 1] + carry
    return digits


def _nearest(digits: list[Array], bits: int, start: FloatArray | float) -> FloatArray:
    """Return start + the value of the digits with exponent 0, rounded to 53 bits."""
    high, low, rest = start, 0.0, 0.0
    for i, digit in enumerate(digits):
        high, part = _fast_two_sum(high, digit * 2.0 ** (-bits * i))
        low, part = _fast_two_sum(low, part)
        rest = rest + part
    nearest, error = _fast_two_sum(high, low)
    beyond = nearest + 2 * error
    tie_broken = (beyond - nearest == 2 * error) & (np.sign(error) * np.sign(rest) > 0)
    result: FloatArray = np.where(tie_broken, beyond, nearest)
    return result


def _fast_two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return fl(a + b) and its error (Dekker 1971), for `a` that is a multiple of ulp(b)."""
    total = a + b
    return total, b - (total - a)
