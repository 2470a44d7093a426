"""From the operands of a bilinear map, or the addends of a sum, to its enclosure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from reference.arguments import Array, FloatArray
from reference.arithmetic import Arithmetic, probable_gamma
from reference.bilinear import Bilinear
from reference.contractions import magnitude
from reference.direct import INFLATION, Sums, flush_error, growth, operand_error, radius
from reference.enclosure import Enclosure, Mask
from reference.exactness import exact_outputs

FAILURE = 1e-6  # probability that random data leave any probable radius of one enclosure


def enclose_map(
    form: Bilinear, left: Array, right: Array, arithmetic: Arithmetic, bias: Array | None = None
) -> Enclosure:
    """Return the enclosure of a bilinear map, plus a bias (C, 1, 1) on the channels of an output.

    The operands are float64 or complex128, and numbers of the arithmetic's output format.
    """
    mid, size = form.with_magnitudes(left, right)
    reach, errors = size, [operand_error(array, arithmetic) for array in (left, right)]
    if any(error is not None for error in errors):
        sizes = magnitude(left), magnitude(right)
        wide = [a if e is None else a + e for a, e in zip(sizes, errors, strict=True)]
        reach = form(wide[0], wide[1])
    addends, parts = np.zeros((), np.int64), form.parts(arithmetic.stores)
    if bias is not None:
        with np.errstate(all="ignore"):
            is_moved, lost = reach is not size, flush_error(bias, arithmetic)
            mid, size = mid + bias, size + magnitude(bias)
            reach = reach + magnitude(bias) + lost if is_moved or lost.any() else size
        addends = np.not_equal(bias, 0).astype(np.int64)
        parts = parts + (arithmetic.stores != "none") * addends
    sums = Sums(np.zeros((), np.int64), addends, size, reach, parts, mid)
    extra = [] if bias is None else [bias]
    return _enclose(sums, arithmetic, [left, right], extra, lambda: form.products(left, right))


def enclose_sum(addends: Array, arithmetic: Arithmetic) -> Enclosure:
    """Return the enclosure of the sums of addends (N, C, H, W) over all axes but the channels."""
    if np.iscomplexobj(addends):
        return _joined(*(enclose_sum(part, arithmetic) for part in (addends.real, addends.imag)))
    with np.errstate(all="ignore"):
        mid, size = addends.sum((0, 2, 3)), np.abs(addends).sum((0, 2, 3))
        lost = flush_error(addends, arithmetic)
        reach = size + lost.sum((0, 2, 3)) if lost.any() else size
    counts = np.count_nonzero(addends, axis=(0, 2, 3))
    parts = {"images": np.array(len(addends)), "any": np.array(np.inf)}
    stored = parts.get(arithmetic.stores, np.array(1))
    sums = Sums(np.zeros((), np.int64), counts, size, reach, stored, mid)
    return _enclose(sums, arithmetic, [], [addends], lambda: np.zeros((), np.int64))


def _enclose(
    sums: Sums,
    arithmetic: Arithmetic,
    factors: Sequence[Array],
    addends: Sequence[Array],
    products: Callable[[], Array],
) -> Enclosure:
    """Return the enclosure of sums; counts their products only where some are not exact."""
    mid, stored = sums.mid, arithmetic.rounds_output & (sums.is_complex | np.greater(sums.parts, 1))
    assert mid is not None
    exact = np.zeros(mid.shape, np.bool_)
    if arithmetic.algorithm == "direct" and sums.reach is sums.magnitude:
        exact = exact_outputs(sums.magnitude, factors, addends, arithmetic, stored)
    if arithmetic.rounds_output and exact.any():
        mid = np.where(exact, _rounded(mid, arithmetic), mid)
    limit = arithmetic.output.overflow_threshold
    if exact.all():
        return Enclosure(mid, np.zeros(mid.shape), overflow=limit)
    sums = replace(sums, products=products())
    rad = np.where(exact, 0.0, radius(sums, arithmetic))
    probable = _probable(sums, arithmetic, rad)
    wild = ~exact & _may_overflow(sums, arithmetic, stored)
    return Enclosure(mid, rad, probable, limit, wild if wild.any() else None)


def _joined(real: Enclosure, imag: Enclosure) -> Enclosure:
    """Return the enclosure of complex numbers whose parts are these."""
    mid = np.empty(real.mid.shape, np.complex128)
    mid.real, mid.imag = real.mid, imag.mid
    probable = wild = None
    if real.probable is not None and imag.probable is not None:
        probable = np.maximum(real.probable, imag.probable)
    if real.wild is not None or imag.wild is not None:
        none = np.zeros(mid.shape, np.bool_)
        wild = (none if real.wild is None else real.wild) | (
            none if imag.wild is None else imag.wild
        )
    return Enclosure(mid, np.maximum(real.rad, imag.rad), probable, real.overflow, wild)


def _rounded(mid: Array, arithmetic: Arithmetic) -> Array:
    """Return the numbers of the output format next to the midpoints, part by part."""
    if not np.iscomplexobj(mid):
        return arithmetic.output.round(mid)
    rounded = np.empty_like(mid)
    rounded.real = arithmetic.output.round(mid.real)
    rounded.imag = arithmetic.output.round(mid.imag)
    return rounded


def _probable(sums: Sums, arithmetic: Arithmetic, rad: FloatArray) -> FloatArray | None:
    """Return the radius that random data leave with probability `FAILURE` at most, if there is one.

    By the union over all terms of all outputs: each passes one product of roundings in either
    format (`probable_gamma`). Truncation has a mean that is not zero.
    """
    if arithmetic.truncates or arithmetic.algorithm != "direct" or not rad.size:
        return None
    events = 2 * float(np.max(sums.terms)) * rad.size * (1 + arithmetic.rounds_output)
    confidence = math.sqrt(2 * math.log(max(events, 1) / FAILURE)) / (1 - arithmetic.output.u)

    def grow(n: Array, u: float) -> FloatArray:
        return probable_gamma(n, u, confidence)

    return np.minimum(rad, radius(sums, arithmetic, grow))


def _may_overflow(sums: Sums, arithmetic: Arithmetic, stored: Array) -> Mask:
    """Return where the magnitudes reach the threshold of the narrowest stored partial result."""
    narrow = arithmetic.accumulator.overflow_threshold
    limit = np.where(stored, min(narrow, arithmetic.output.overflow_threshold), narrow)
    with np.errstate(all="ignore"):
        largest = (1 + growth(sums, arithmetic)) * sums.reach * INFLATION
        overflows: Mask = ~(largest < limit)  # true of NaN
    return overflows
