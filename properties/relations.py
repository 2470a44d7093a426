"""Arithmetic on balls and operands, for relations between several calls.

A ball is an `Enclosure` centred on an observed result: it holds the true value, whatever the
oracle says that is. Sums of balls carry sums of radii, and the float64 rounding of the midpoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from properties.case import Case
from properties.dtypes import Exact
from reference import Enclosure, gamma
from reference.contractions import magnitude

ULP = 2.0**-52


def exactly(values: Exact) -> Enclosure:
    """Return the ball of radius 0."""
    return Enclosure(values, np.zeros(values.shape))


def take(ball: Enclosure, index: Any) -> Enclosure:
    """Return the elements that a NumPy index picks."""
    return Enclosure(ball.mid[index], ball.rad[index])


def add(left: Enclosure, right: Enclosure) -> Enclosure:
    """Return the sum; inexact float64 additions widen it."""
    with np.errstate(invalid="ignore"):  # a NaN that came back stays one, and is judged
        mid = left.mid + right.mid
        # Knuth's TwoSum: `lost` is exactly what the addition rounded away; of integers, nothing.
        back = mid - left.mid
        lost = np.abs((left.mid - (mid - back)) + (right.mid - back))
    return Enclosure(mid, left.rad + right.rad + lost)


def concatenate(balls: Sequence[Enclosure], axis: int) -> Enclosure:
    """Return the balls joined along an axis."""
    mids, rads = [ball.mid for ball in balls], [ball.rad for ball in balls]
    return Enclosure(np.concatenate(mids, axis), np.concatenate(rads, axis))


def inner(values: Exact, ball: Enclosure) -> Enclosure:
    """Return sum of conj(values) * ball, as a ball with one element."""
    # |re| + |im| of a factor bounds what either part of the product owes to either of the other.
    size = magnitude(values)
    if not np.isfinite(ball.rad).all():  # 0 times infinity would be NaN
        return Enclosure(np.zeros(1, ball.mid.dtype), np.array([np.inf]))
    total = np.sum(size * magnitude(ball.mid))
    terms = (2 if np.iscomplexobj(ball.mid) else 1) * (values.size + 1)
    radius = np.sum(size * ball.rad) * (1 + ULP * (terms + 1)) + terms * ULP * total
    return Enclosure(np.array([np.sum(np.conj(values) * ball.mid)]), np.array([radius]))


def conjugate(ball: Enclosure) -> Enclosure:
    """Return the complex conjugates."""
    return Enclosure(np.conj(ball.mid), ball.rad)


def computed(mid: Exact, size: Exact, terms: int) -> Enclosure:
    """Return the ball of a float64 sum of products; `size` is the sum of their magnitudes.

    By Higham's Lemma 3.1 |error| <= gamma(k, u) * size, here with two roundings of `terms`
    each, which covers complex products too.
    """
    if mid.dtype == np.int64:
        return exactly(mid)
    return Enclosure(mid, gamma(2 * terms + 4, ULP / 2) * (1 + ULP) ** 4 * size)


def split(values: Exact) -> tuple[Exact, Exact]:
    """Return two arrays without common zeros whose exact sum is `values`.

    The first is 0.75 * values rounded to 6 bits: a multiple of every element's last place, so
    that the rest is representable wherever the element is a normal number. Of integers it is half.
    """
    if values.dtype == np.int64:
        return values // 2, values - values // 2
    if values.dtype == np.complex128:
        first, second = split(values.view(np.float64))
        return first.view(np.complex128), second.view(np.complex128)
    significand, exponent = np.frexp(0.75 * values)
    first = np.ldexp(np.rint(significand * 64.0), exponent - 6)
    return first, values - first


def insert_zeros(weight: Exact, dilation: tuple[int, int]) -> Exact:
    """Return the kernel with dilation - 1 zeros between its taps."""
    *head, height, width = weight.shape
    dh, dw = dilation
    shape = (*head, dh * (height - 1) + 1, dw * (width - 1) + 1)
    spread = np.zeros(shape, weight.dtype)
    spread[..., ::dh, ::dw] = weight
    return spread


def true_convolution(case: Case) -> Enclosure:
    """Return input * weight, the convolution of mathematics, under the case's parameters.

    Each product x[a] w[b] is added where it lands, at a + dilation * b; padding and stride then
    pick the places that conv2d would compute. Shares no code with the oracle.
    """
    sizes = {name: magnitude(array) for name, array in case.arrays.items()}
    terms = case.weight.shape[1] * case.weight.shape[2] * case.weight.shape[3] + 1
    return computed(_landed(case, case.arrays), _landed(case, sizes), terms)


def _landed(case: Case, operands: Mapping[str, Exact]) -> Exact:
    p, x, weight = case.params, operands["input"], operands["weight"]
    x = x if x.ndim == 4 else x[None]
    batch, _, height, width = x.shape
    out_channels, shared, kh, kw = weight.shape
    dh, dw = p.dilation
    shape = (batch, out_channels, height + dh * (kh - 1), width + dw * (kw - 1))
    full = np.zeros(shape, x.dtype)
    per_group = out_channels // p.groups
    for o in range(out_channels):
        group = o // per_group
        own = x[:, group * shared : (group + 1) * shared]
        for i, j in np.ndindex(kh, kw):
            landed = np.einsum("nchw,c->nhw", own, weight[o, :, i, j])
            full[:, o, i * dh : i * dh + height, j * dw : j * dw + width] += landed
    picked = _pick(_pick(full, case, 0), case, 1)
    if "bias" in operands:
        picked = picked + operands["bias"][:, None, None]
    return picked.reshape(case.output_shape)


def _pick(full: Exact, case: Case, axis: int) -> Exact:
    """Keep the places dilation * (kernel - 1) - pad + stride * i of one axis; outside is 0."""
    kernel, p = case.weight.shape[-2:], case.params
    start = p.dilation[axis] * (kernel[axis] - 1) - p.pads(kernel)[axis][0]
    places = start + p.stride[axis] * np.arange(case.output_shape[axis - 2])
    inside = (places >= 0) & (places < full.shape[axis - 2])
    taken = np.take(full, np.where(inside, places, 0), axis=axis - 2)
    shape = (-1, 1) if axis == 0 else (-1,)
    return np.where(inside.reshape(shape), taken, full.dtype.type(0))
