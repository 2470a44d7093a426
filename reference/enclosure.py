"""Ball arithmetic: a midpoint and a radius per element, and the radius of a direct kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference.arguments import Array, ArrayLike, FloatArray, as_float64, read
from reference.arithmetic import FLOAT64, Arithmetic, gamma

INFLATION = 1 + 2.0**-40  # covers the handful of roundings in the evaluation of a radius itself
PREFIX = 256


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Every value that a declared arithmetic may return: |y - mid| <= rad, element by element.

    An infinite radius claims nothing, as does a midpoint that is not finite.
    """

    mid: FloatArray
    rad: FloatArray

    def __post_init__(self) -> None:
        if self.mid.shape != self.rad.shape:
            raise ValueError(f"`rad` of shape {self.rad.shape} is not {self.mid.shape}, as `mid`")

    def contains(self, y: ArrayLike) -> NDArray[np.bool_]:
        """Return which elements of `y` lie inside; a NaN never does."""
        operand = read("y", y)
        if operand.shape != self.mid.shape:
            raise ValueError(f"`y` of shape {operand.shape} is not {self.mid.shape}, as `mid`")
        values = as_float64(operand)
        with np.errstate(invalid="ignore", over="ignore"):
            inside: NDArray[np.bool_] = (np.abs(values - self.mid) <= self.rad) | (
                values == self.mid
            )
        return inside


def direct_radius(
    products: Array | int, addends: Array | int, magnitude: FloatArray, arithmetic: Arithmetic
) -> FloatArray:
    """Return the largest error of a sum of nonzero products and addends, in any order.

    A direct kernel rounds each product at most once, and each of n terms in at most n - 1
    additions; adding or multiplying by an exact zero, splitting the sum, and fusing a product with
    its addition add no rounding. So each term carries at most k factors (1 + d), |d| <= u, with
    k = n, or n - 1 without products, and by Higham's Lemma 3.1 (see `gamma`) the error is at most
    gamma(k, u) * S, where S = `magnitude` is the sum of the terms' magnitudes. Among subnormals
    sums are exact and each product is off by at most eta / 2 more, which the additions carry on:
    another (1 + gamma(k, u)) * products * eta / 2. The midpoint and S come from float64 sums of the
    same kind, whose own error is added. A single addend, and nothing at all, have radius 0.
    """
    factors = np.maximum(np.add(products, addends) - np.equal(products, 0), 0)
    reach, own = gamma(factors, arithmetic.u), gamma(factors + 1, FLOAT64.u)
    with np.errstate(all="ignore"):
        rounding = (reach + own) * (1 + 2 * own) * magnitude
        underflow = (1 + reach) * products * (arithmetic.eta / 2 + 2 * FLOAT64.eta)
        radius = (rounding + underflow) * INFLATION
    radius = np.where(np.isnan(radius), np.inf, radius)
    result: FloatArray = np.where(factors == 0, 0.0, radius)
    return result


def exact_outputs(
    magnitude: FloatArray,
    factors: Sequence[FloatArray],
    addends: Sequence[FloatArray],
    arithmetic: Arithmetic,
) -> NDArray[np.bool_]:
    """Return which outputs every order of summation computes exactly, the midpoint's included.

    If all terms are multiples of a power of two q, so are all partial sums, and none exceeds
    S = `magnitude`; with S <= q * 2**precision and q normal, each is a number of the format.
    """
    # A computed S below 2**53 * q is itself exact; at 2**53 it may have been rounded down.
    limit = min(2.0**arithmetic.precision, 2.0**53 - 1)
    exact = np.zeros(magnitude.shape, np.bool_)
    # The quantum of a prefix is a multiple of the whole's: random data is ruled out at once.
    for length in (PREFIX, None):
        q = 1.0
        for factor in factors:
            q *= quantum(factor.reshape(-1)[:length])
        for addend in addends:
            q = min(q, quantum(addend.reshape(-1)[:length]))
        if not q >= arithmetic.smallest_normal:
            return np.zeros(magnitude.shape, np.bool_)
        exact = magnitude <= min(limit * q, arithmetic.largest)
        if not exact.any():
            break
    return exact


def quantum(values: FloatArray) -> float:
    """Return the largest power of two of which all values are multiples; inf if all are zero."""
    nonzero = values[values != 0]
    if not nonzero.size:
        return np.inf
    if not np.isfinite(nonzero).all():
        return 0.0
    fractions, exponents = np.frexp(nonzero)
    integers = (np.abs(fractions) * 2.0**53).astype(np.int64)
    lowest = (integers & -integers).astype(np.float64)
    return float(np.ldexp(lowest, exponents - 53).min())
