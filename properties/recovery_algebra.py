"""Exact linear algebra over the integers: rank, null space, projection.

Matrices are NumPy arrays of Python integers, so nothing rounds and nothing overflows. Elimination
is Bareiss' fraction-free one (Math. Comp. 22, 1968) in its Gauss-Jordan form: every division is
exact, because every intermediate number is a minor of the matrix.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from properties.values import Float64

Integers = npt.NDArray[Any]  # of Python integers


def as_integers(array: Float64) -> Integers:
    """Return an array of integral floats below 2**63 as Python integers."""
    integers: Integers = np.asarray(array).astype(np.int64).astype(object)
    if not np.array_equal(integers.astype(np.float64), array):
        raise ValueError("`array` has elements that are not integers")
    return integers


def common_denominator(array: Float64) -> tuple[Integers, int]:
    """Return integers n and d > 0 with array = n / d exactly."""
    fractions = [Fraction(float(value)) for value in array.ravel()]
    denominator = math.lcm(*(fraction.denominator for fraction in fractions))
    numerators = np.empty(len(fractions), dtype=object)
    numerators[:] = [int(fraction * denominator) for fraction in fractions]
    return numerators.reshape(array.shape), denominator


def quotient(numerators: Integers, denominator: int) -> Float64:
    """Return the fractions as float64, each rounded once."""
    values = [n / denominator for n in numerators.ravel()]
    return np.array(values, dtype=np.float64).reshape(numerators.shape)


def eliminate(matrix: Integers) -> tuple[Integers, list[int], int]:
    """Return (rows, pivots, d): row i is d in column pivots[i] and 0 in the other pivot columns.

    The rows beyond len(pivots), the rank, are zero.
    """
    rows, divisor = matrix.copy(), 1
    pivots: list[int] = []
    for column in range(rows.shape[1]):
        top = len(pivots)
        found = [row for row in range(top, rows.shape[0]) if rows[row, column]]
        if not found:
            continue
        rows[[top, found[0]]] = rows[[found[0], top]]
        pivot_row, pivot = rows[top].copy(), rows[top, column]
        rows = (pivot * rows - np.multiply.outer(rows[:, column], pivot_row)) // divisor
        rows[top], divisor = pivot_row, pivot
        pivots.append(column)
    return rows, pivots, divisor


def rank(matrix: Integers) -> int:
    """Return the rank, exactly."""
    return len(eliminate(matrix)[1])


def null_vectors(matrix: Integers) -> Integers:
    """Return a basis of the null space as columns of integers without a common factor."""
    rows, pivots, divisor = eliminate(matrix)
    free = [column for column in range(matrix.shape[1]) if column not in pivots]
    basis = np.zeros((matrix.shape[1], len(free)), dtype=object)
    for index, column in enumerate(free):
        basis[column, index] = divisor
        for row, pivot in enumerate(pivots):
            basis[pivot, index] = -rows[row, column]
        basis[:, index] //= math.gcd(*basis[:, index])
    return basis


def null_part(matrix: Integers, vectors: Integers) -> tuple[Integers, int]:
    """Return (n, d): the columns of n / d are the projections of `vectors` on the null space."""
    basis = null_vectors(matrix)
    size = basis.shape[1]
    if not size:
        return np.zeros(vectors.shape, dtype=object), 1
    # Normal equations: the basis' Gram matrix is invertible, its columns being independent.
    system = np.concatenate([basis.T @ basis, basis.T @ vectors], axis=1)
    rows, _, divisor = eliminate(system)
    return basis @ rows[:, size:], int(divisor)
