"""The transforms of Winograd's algorithm by Cook and Toom, and what they do to rounding errors.

F(m, r) computes m outputs of r taps from a = m + r - 1 points, y = A' [(G g) * (B' d)].
With V the Vandermonde matrix of a - 1 numbers and infinity, polynomials with coefficients g and h
multiply as inv(V) [(V g) * (V h)]; a filter is the transpose in h, so G and A are the first r and m
columns of V, and B' is the transposed inverse of V, whose rows are Lagrange's polynomials.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from reference.arguments import FloatArray

POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
SIZES = (4, 6, 8)  # of a tile of the input: those of F(2, 3), F(4, 3) and F(6, 3)


class Transforms(NamedTuple):
    """The matrices A' (m, a), G (a, r) and B' (a, a)."""

    output: FloatArray
    kernel: FloatArray
    data: FloatArray


class Axis(NamedTuple):
    """What a tile costs along one axis, at most.

    `growth` is the largest sum of magnitudes of terms for operands of magnitude 1, `steps` the
    roundings on the way of a term, `reach` how many outputs away the tile may extend, `least` the
    smallest sum of magnitudes in a row of G or B'.
    """

    growth: float
    steps: int
    reach: int
    least: float


@cache
def transforms(outputs: int, taps: int) -> Transforms:
    """Return the transforms of F(outputs, taps); at most `len(POINTS) + 1` points in all."""
    size = outputs + taps - 1
    points = np.array(POINTS[: size - 1])
    powers = np.vander(points, size, increasing=True)
    powers = np.vstack([powers, np.eye(size)[-1]])
    kernel, output = powers[:, :taps].copy(), powers[:, :outputs].copy()
    kernel[-1], output[-1] = np.eye(taps)[-1], np.eye(outputs)[-1]  # the leading coefficients
    data = np.zeros((size, size))
    for i, point in enumerate(points):
        others = np.delete(points, i)
        data[i, :-1] = np.poly(others)[::-1] / np.prod(point - others)
    data[-1] = np.poly(points)[::-1]
    return Transforms(output.T.copy(), kernel, data)


def growth(each: Transforms) -> float:
    """Return the largest entry of |A'| (|G| 1 * |B'| 1), which no scaling of the points changes."""
    middle = np.abs(each.kernel).sum(1) * np.abs(each.data).sum(1)
    return float((np.abs(each.output) @ middle).max())


def steps(each: Transforms) -> int:
    """Return the most roundings on the way of one term through the three transforms.

    A row with z nonzero coefficients, each rounded itself, costs one of those, one product and at
    most z - 1 additions.
    """
    return sum(int(np.count_nonzero(matrix, axis=1).max()) + 1 for matrix in each)


@cache
def filter_axis(taps: int) -> Axis:
    """Return the cost of filters of so many taps, directly or by a tile of one of the `SIZES`."""
    outputs = [size - taps + 1 for size in SIZES if size > taps]
    return _axis([transforms(count, taps) for count in outputs], outputs, taps)


@cache
def gradient_axis(taps: int) -> Axis:
    """Return the cost of the gradient of so many taps: F(taps, m), whose filters are gradients."""
    lengths = [size - taps + 1 for size in SIZES if size > taps]
    return _axis([transforms(taps, length) for length in lengths], lengths, 1)


def _axis(found: list[Transforms], reaches: list[int], terms: int) -> Axis:
    """Return the cost of the dearest of some tiles and of sums of so many terms."""
    rows = [np.abs(matrix).sum(1).min() for each in found for matrix in (each.kernel, each.data)]
    return Axis(
        growth=max([float(terms), *map(growth, found)]),
        steps=max([terms, *map(steps, found)]),
        reach=max([1, *reaches]) - 1,
        least=float(min([1.0, *rows])),
    )
