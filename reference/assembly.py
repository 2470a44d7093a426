"""From the operands of a bilinear map, or the addends of a sum, to its enclosure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np

from reference.arguments import Array, FloatArray
from reference.arithmetic import Arithmetic, gamma, probable_gamma
from reference.bilinear import Bilinear
from reference.contractions import magnitude
from reference.direct import INFLATION, Sums, accumulated, final_rounding, growth, sealed
from reference.enclosure import Enclosure, Mask
from reference.exact_complex import sum_complex
from reference.exact_contractions import sum_exactly
from reference.exactness import exact_outputs
from reference.fast import Normwise, normwise
from reference.formats import BINARY64
from reference.operands import conversion, flushed

FAILURE = 1e-6  # probability that random data leave any probable radius of one enclosure


def enclose_map(
    form: Bilinear,
    left: Array,
    right: Array,
    arithmetic: Arithmetic,
    exactly: Callable[[], Array],
    bias: Array | None = None,
) -> Enclosure:
    """Return the enclosure of a bilinear map, plus a bias (C, 1, 1) on the channels of an output.

    The operands are float64 or complex128, and numbers of the arithmetic's output format.
    `exactly` returns the map and bias rounded once; a ValueError of it leaves the float64 sum.
    """
    mid, size = form.with_magnitudes(left, right)
    reach = _reach(form, left, right, size, arithmetic)
    addends, parts = np.zeros((), np.int64), form.parts(arithmetic.stores)
    if bias is not None:
        is_moved, lost = reach is not size, flushed(bias, arithmetic)
        with np.errstate(all="ignore"):
            mid, size = mid + bias, size + magnitude(bias)
            if is_moved or lost is not None:
                reach = reach + magnitude(bias) + (0.0 if lost is None else lost)
            else:
                reach = size
        addends = np.not_equal(bias, 0).astype(np.int64)
        parts = parts + (arithmetic.stores != "none") * addends
    sums = Sums(np.zeros((), np.int64), addends, size, reach, parts, mid)
    extra = [] if bias is None else [bias]
    mixed = normwise(form, left, right, arithmetic)
    count = partial(form.products, left, right)
    return _enclose(sums, arithmetic, [left, right], extra, count, exactly, mixed)


def _reach(
    form: Bilinear, left: Array, right: Array, size: FloatArray, arithmetic: Arithmetic
) -> FloatArray:
    """Return the map of the magnitudes that converted operands may have; `size` if none moves."""
    conversions = [conversion(array, arithmetic) for array in (left, right)]
    with np.errstate(all="ignore"):
        if any(found.absolute is not None for found in conversions):
            wide = [
                found.widen(magnitude(array))
                for found, array in zip(conversions, (left, right), strict=True)
            ]
            return form(wide[0], wide[1])
        factor = (1 + conversions[0].relative) * (1 + conversions[1].relative)
        return size if factor == 1 else size * factor


def enclose_sum(addends: Array, arithmetic: Arithmetic) -> Enclosure:
    """Return the enclosure of the sums of addends (N, C, H, W) over all axes but the channels.

    Complex ones may be those of Gauss's form: Re as the sum of all Re - Im and of all Im.
    """
    with np.errstate(all="ignore"):
        mid, size = addends.sum((0, 2, 3)), magnitude(addends).sum((0, 2, 3))
        lost = flushed(addends, arithmetic)
        reach = size if lost is None else size + lost.sum((0, 2, 3))
    counts = np.count_nonzero(addends, axis=(0, 2, 3))
    parts = {"images": np.array(len(addends)), "any": np.array(np.inf)}
    stored = parts.get(arithmetic.stores, np.array(1))
    sums = Sums(np.zeros((), np.int64), counts, size, reach, stored, mid)
    exactly = partial(sum_complex if np.iscomplexobj(addends) else sum_exactly, addends)
    return _enclose(sums, arithmetic, [], [addends], lambda: np.zeros((), np.int64), exactly)


def _enclose(
    sums: Sums,
    arithmetic: Arithmetic,
    factors: Sequence[Array],
    addends: Sequence[Array],
    products: Callable[[], Array],
    exactly: Callable[[], Array],
    mixed: Normwise | None = None,
) -> Enclosure:
    """Return the enclosure of sums; counts their products only where some are not exact."""
    early = sums.is_complex | np.greater(sums.parts, 1) | (mixed is not None)
    mid, stored = sums.mid, arithmetic.rounds_output & early
    assert mid is not None
    exact = np.zeros(mid.shape, np.bool_)
    if mixed is None and sums.reach is sums.magnitude:
        exact = exact_outputs(sums.magnitude, factors, addends, arithmetic, stored)
    if arithmetic.rounds_output and exact.any():
        mid = np.where(exact, _rounded(mid, arithmetic), mid)
    limit = arithmetic.output.overflow_threshold
    if exact.all():
        return Enclosure(mid, np.zeros(mid.shape), overflow=limit)
    sums = replace(sums, products=products())
    if arithmetic.accumulator.precision >= BINARY64.precision:
        with suppress(ValueError):
            mid = np.where(exact, mid, exactly())
            sums = replace(sums, mid=mid, is_certified=True)
    with np.errstate(all="ignore"):
        error = accumulated(sums, arithmetic)
        error += 0.0 if mixed is None else mixed.radius
        last = final_rounding(error, sums, arithmetic)
        probable = None if mixed else _probable(sums, arithmetic, error, last)
        error += last
    rad = sealed(error)
    wild, one_way = _may_overflow(sums, arithmetic, stored, mixed)
    if exact.any():
        for each in (rad, probable, wild, one_way):
            if each is not None:
                each[exact] = 0
    return Enclosure(mid, rad, probable, limit, wild, one_way)


def _rounded(mid: Array, arithmetic: Arithmetic) -> Array:
    """Return the numbers of the output format next to the midpoints, part by part."""
    if not np.iscomplexobj(mid):
        return arithmetic.output.round(mid)
    rounded = np.empty_like(mid)
    rounded.real = arithmetic.output.round(mid.real)
    rounded.imag = arithmetic.output.round(mid.imag)
    return rounded


def _probable(
    sums: Sums, arithmetic: Arithmetic, error: FloatArray, last: FloatArray | float
) -> FloatArray | None:
    """Return the radius that random data leave with probability `FAILURE` at most, if there is one.

    By the union over all terms of all outputs: each passes one product of roundings in either
    format (`probable_gamma`). Truncation has a mean that is not zero.
    """
    if arithmetic.truncates or not error.size:
        return None
    events = 2 * float(np.max(sums.terms)) * error.size * (1 + arithmetic.rounds_output)
    confidence = math.sqrt(2 * math.log(max(events, 1) / FAILURE)) / (1 - arithmetic.output.u)

    def grow(n: Array, u: float) -> FloatArray:
        return probable_gamma(n, u, confidence)

    probable = accumulated(sums, arithmetic, grow)
    np.minimum(error, probable, out=probable)
    probable += last
    return sealed(probable)


def _may_overflow(
    sums: Sums, arithmetic: Arithmetic, stored: Array, mixed: Normwise | None
) -> tuple[Mask | None, Mask | None]:
    """Return where partial results may overflow: to any infinity, and to the midpoint's alone.

    They do where magnitudes reach the threshold of the narrowest stored one; what transformed tiles
    or planes reach is stored in the output's format, too. No partial sum of a real sum is further
    on the other side of zero than all its terms of that sign, (R - |mid|) / 2 of them: where these
    cannot overflow, no infinity of theirs arises, and so no NaN.
    """
    narrow = arithmetic.accumulator.overflow_threshold
    limit = np.where(stored, min(narrow, arithmetic.output.overflow_threshold), narrow)
    with np.errstate(all="ignore"):
        factor = (1 + growth(sums, arithmetic)) * INFLATION
        largest = sums.reach if mixed is None else np.maximum(sums.reach, mixed.peak)
        if np.max(factor) * np.max(largest, initial=0.0) < np.min(limit):
            return None, None
        overflows: Mask = ~(factor * largest < limit)  # true of NaN
        if mixed is not None or sums.is_complex or sums.mid is None:
            return overflows, None
        own = 2 * gamma(sums.terms + 2, BINARY64.u)  # of the midpoint and of R, as computed here
        other = (sums.reach - np.abs(sums.mid)) / 2 + own * sums.reach
        one_way: Mask = overflows & (factor * other < limit)  # false of NaN
    return overflows & ~one_way, one_way
