"""Integer slices of float64 operands, whose products ordinary matrix products add up exactly.

The error-free transformation of Ozaki, Ogita, Oishi, Rump: Error-free transformations of matrix
multiplication by using fast routines of matrix multiplication and its applications (Numerical
Algorithms 59, 2012), with slices taken by rounding to the nearest integer. An operand, scaled by a
power of two into [-1/2, 1/2], is a sum of slices D[k] * 2**(-bits * (k + 1)) of integers with
|D[k]| <= 2**(bits - 1): rounding leaves a remainder in [-1/2, 1/2] again. So the product of two
scaled operands is the sum over s of S[s] * 2**(-bits * (s + 2)), where S[s] sums the products of
the slices k and l with k + l = s. With `terms` products in an element and `pairs` of slices,
|S[s]| <= terms * pairs * 2**(2 * bits - 2), and so is every partial sum of it; below 2**53 all of
them are integers that float64 holds, in any order of summation and with or without FMA.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np

from reference.arguments import Array, FloatArray

MAX_SPAN = 400  # binades: what follows from two such operands stays inside of float64's exponents
MAX_SUM = 2**52  # of the products: leaves room for carries and for an addend


class Scaled(NamedTuple):
    """An operand array * 2**exponent: |array| <= 1/2, in multiples of 2**-depth."""

    array: FloatArray
    exponent: int
    depth: int


def scale(name: str, array: FloatArray) -> Scaled:
    """Return the operand scaled by a power of two, which is exact.

    A ValueError for an element that is not finite, and for nonzero elements of which the largest
    has an exponent that exceeds the smallest's by more than MAX_SPAN.
    """
    magnitudes = np.abs(array)
    largest = magnitudes.max(initial=0.0)
    if not np.isfinite(largest):
        raise ValueError(f"`{name}` has an element that is NaN or infinite")
    if largest == 0:
        return Scaled(array, 0, 1)
    smallest = magnitudes.min(initial=np.inf, where=magnitudes > 0)
    high, low = int(np.frexp(largest)[1]), int(np.frexp(smallest)[1])
    if high - low > MAX_SPAN:
        raise ValueError(
            f"`{name}` has nonzero elements from about 2**{low - 1} to 2**{high - 1}, which exact"
            f" sums allow to span at most {MAX_SPAN} binades"
        )
    return Scaled(np.ldexp(array, -high - 1), high + 1, high - low + 54)


def slice_bits(terms: int, first: Scaled, second: Scaled) -> int:
    """Return the most bits with which sums of that many products stay exact."""
    bits = 26
    depth = min(first.depth, second.depth)
    while terms * ceil(depth / bits) * 2 ** (2 * bits - 2) > MAX_SUM:
        bits -= 1
    return bits


def slices(array: FloatArray, bits: int) -> Iterator[FloatArray]:
    """Yield the slices of a scaled array, at least one, until nothing remains."""
    rest = array * 2.0**bits
    while True:
        integers = np.rint(rest)
        yield integers
        rest -= integers
        if not rest.any():
            return
        rest *= 2.0**bits


def stacked(matrices: FloatArray, bits: int) -> FloatArray:
    """Return the slices of (groups, rows, n), side by side: (groups, rows, slices * n)."""
    return np.concatenate(list(slices(matrices, bits)), axis=2)


def products(left: FloatArray, right: FloatArray, bits: int) -> list[Array]:
    """Return the sums S[s] of stacked slices with a scaled (groups, n, m), each one matrix product.

    Slices k of the left run against the slices s - k of the right, which are stacked backwards.
    """
    parts = list(slices(right, bits))
    stack = np.concatenate(parts[::-1], axis=1)
    n = right.shape[1]
    counts = left.shape[2] // n, len(parts)
    sums = []
    for s in range(sum(counts) - 1):
        first, last = max(0, s + 1 - counts[1]), min(counts[0], s + 1)
        skipped = counts[1] - 1 - s
        rows = stack[:, (skipped + first) * n : (skipped + last) * n]
        sums.append(np.matmul(left[:, :, first * n : last * n], rows))
    return sums
