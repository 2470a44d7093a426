"""Sums of products in every order, vectorised, each operation rounded once to one format.

Factors are arrays whose first axis counts the terms; the others broadcast to the outputs'. The
orders are those of `tests.reference.rounding`, which computes them with fractions, one sum a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import BINARY32, BINARY64, Format

Array = NDArray[Any]


@dataclass(frozen=True)
class Unit:
    """An arithmetic unit: each of its results is the exact one, rounded once to `format`.

    NumPy computes in binary32 and binary64 itself. Numbers of the narrower formats are kept as
    float64, which holds their products, and whose sums round to them as the exact ones do:
    53 >= 2 * 11 + 2 bits (Figueroa, When is double rounding innocuous?, 1995).
    """

    format: Format

    @property
    def dtype(self) -> type[np.float32] | type[np.float64]:
        """The type of the arrays that hold numbers of the format."""
        return np.float32 if self.format == BINARY32 else np.float64

    def hold(self, values: Array) -> Array:
        """Return numbers of the format as the unit takes them."""
        return values.astype(self.dtype)

    def rounded(self, values: Array) -> Array:
        """Return what an operation of NumPy found, in the format."""
        return values if self.format in (BINARY32, BINARY64) else self.format.round(values)

    def add(self, left: Array, right: Array) -> Array:
        """Return the rounded sum."""
        return self.rounded(left + right)

    def multiply(self, left: Array, right: Array) -> Array:
        """Return the rounded product."""
        return self.rounded(left * right)

    def fused(self, left: Array, right: Array, addend: Array) -> Array:
        """Return left * right + addend, rounded once."""
        if self.format == BINARY64:
            return _fused(left, right, addend)
        # The product is exact in float64; a sum rounded to odd there rounds like the exact one.
        product = left.astype(np.float64) * right
        total = _odd_sum(product, addend.astype(np.float64))
        if self.format == BINARY32:
            return total.astype(np.float32)
        return self.format.round(total)


def _two_sum(left: Array, right: Array) -> tuple[Array, Array]:
    """Return the rounded sum and its error (Knuth)."""
    total = left + right
    share = total - left
    return total, (left - (total - share)) + (right - share)


def _two_product(left: Array, right: Array) -> tuple[Array, Array]:
    """Return the rounded product and its error (Dekker, with the splitting of Veltkamp)."""
    (a, b), (c, d) = _halves(left), _halves(right)
    product = left * right
    return product, ((a * c - product) + a * d + b * c) + b * d


def _halves(values: Array) -> tuple[Array, Array]:
    scaled = values * (2.0**27 + 1)
    high = scaled - (scaled - values)
    return high, values - high


def _odd_sum(left: Array, right: Array) -> Array:
    """Return the sum rounded to odd: if it is inexact, the neighbour with an odd last bit."""
    total, error = _two_sum(left, right)
    is_even = (total.view(np.int64) & 1) == 0
    towards = np.nextafter(total, np.copysign(np.inf, error))
    return np.where((error != 0) & is_even, towards, total)


def _fused(left: Array, right: Array, addend: Array) -> Array:
    """Return the fused operation of binary64 (Boldo and Melquiond, IEEE TC 57(4), 2008)."""
    high, low = _two_product(left, right)
    middle, small = _two_sum(addend, low)
    top, rest = _two_sum(high, middle)
    return top + _odd_sum(small, rest)


Order = Callable[[Array, Array, Unit], Array]


def _zeros(left: Array, right: Array, unit: Unit) -> Array:
    return np.zeros(np.broadcast_shapes(left.shape[1:], right.shape[1:]), unit.dtype)


def sequential(left: Array, right: Array, unit: Unit) -> Array:
    """Round every product, and add from the first."""
    total = _zeros(left, right, unit)
    for a, b in zip(left, right, strict=True):
        total = unit.add(total, unit.multiply(a, b))
    return total


def backwards(left: Array, right: Array, unit: Unit) -> Array:
    """Round every product, and add from the last."""
    return sequential(left[::-1], right[::-1], unit)


def pairwise(left: Array, right: Array, unit: Unit) -> Array:
    """Add the sums of two halves."""
    return _tree(unit.multiply(left, right), unit)


def _tree(terms: Array, unit: Unit) -> Array:
    size = len(terms)
    if size < 2:
        total: Array = terms.sum(0)
        return total
    if size % 2:
        return unit.add(_tree(terms[: size // 2], unit), _tree(terms[size // 2 :], unit))
    halves = _tree(terms.reshape(2, size // 2, *terms.shape[1:]).swapaxes(0, 1), unit)
    return unit.add(halves[0], halves[1])


def blocked(left: Array, right: Array, unit: Unit) -> Array:
    """Add the sums of four consecutive products to a running total."""
    total = _zeros(left, right, unit)
    for start in range(0, len(left), 4):
        block = slice(start, start + 4)
        total = unit.add(total, sequential(left[block], right[block], unit))
    return total


def fused(left: Array, right: Array, unit: Unit) -> Array:
    """Round a product and its addition once, as FMA does."""
    total = _zeros(left, right, unit)
    for a, b in zip(left, right, strict=True):
        total = unit.fused(a, b, total)
    return total


def split(left: Array, right: Array, unit: Unit) -> Array:
    """Add three interleaved fused sums, as split-K and vector lanes do."""
    total = _zeros(left, right, unit)
    for lane in range(3):
        total = unit.add(total, fused(left[lane::3], right[lane::3], unit))
    return total


def compensated(left: Array, right: Array, unit: Unit) -> Array:
    """Add with Kahan's compensation."""
    total = _zeros(left, right, unit)
    lost = total
    for a, b in zip(left, right, strict=True):
        term = unit.add(unit.multiply(a, b), -lost)
        raised = unit.add(total, term)
        lost = unit.add(unit.add(raised, -total), -term)
        total = raised
    return total


ORDERS: tuple[Order, ...] = (
    sequential, backwards, pairwise, blocked, fused, split, compensated,
)  # fmt: skip
