"""Arithmetic on balls and operands, for relations between several calls.

A ball is an `Enclosure` centred on an observed result: it holds the true value, whatever the
oracle says that is. Sums of balls carry sums of radii, and the float64 rounding of the midpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from properties.case import Case
from properties.values import Float64
from reference import Enclosure

ULP = 2.0**-52


def exactly(values: Float64) -> Enclosure:
    """Return the ball of radius 0."""
    return Enclosure(values, np.zeros(values.shape))


def take(ball: Enclosure, index: Any) -> Enclosure:
    """Return the elements that a NumPy index picks."""
    return Enclosure(ball.mid[index], ball.rad[index])


def add(left: Enclosure, right: Enclosure) -> Enclosure:
    """Return the sum; inexact float64 additions widen it."""
    mid = left.mid + right.mid
    # Knuth's TwoSum: `lost` is exactly what the addition rounded away.
    back = mid - left.mid
    lost = np.abs((left.mid - (mid - back)) + (right.mid - back))
    return Enclosure(mid, left.rad + right.rad + lost)


def concatenate(balls: Sequence[Enclosure], axis: int) -> Enclosure:
    """Return the balls joined along an axis."""
    mids, rads = [ball.mid for ball in balls], [ball.rad for ball in balls]
    return Enclosure(np.concatenate(mids, axis), np.concatenate(rads, axis))


def inner(values: Float64, ball: Enclosure) -> Enclosure:
    """Return sum of values * ball, as a ball with one element."""
    magnitude = np.abs(values)
    rounding = (values.size + 1) * ULP * np.sum(magnitude * np.abs(ball.mid))
    radius = np.sum(magnitude * ball.rad) * (1 + ULP * (values.size + 2)) + rounding
    return Enclosure(np.array([np.sum(values * ball.mid)]), np.array([radius]))


def split(values: Float64) -> tuple[Float64, Float64]:
    """Return two arrays without common zeros whose exact sum is `values`.

    The first is 0.75 * values rounded to 6 bits: a multiple of every element's last place, so
    that the rest is representable wherever the element is a normal number.
    """
    significand, exponent = np.frexp(0.75 * values)
    first = np.ldexp(np.rint(significand * 64.0), exponent - 6)
    return first, values - first


def insert_zeros(weight: Float64, dilation: tuple[int, int]) -> Float64:
    """Return the kernel with dilation - 1 zeros between its taps."""
    *head, height, width = weight.shape
    dh, dw = dilation
    spread = np.zeros((*head, dh * (height - 1) + 1, dw * (width - 1) + 1))
    spread[..., ::dh, ::dw] = weight
    return spread


def true_convolution(case: Case) -> Float64:
    """Return input * weight, the convolution of mathematics, under the case's parameters.

    Each product x[a] w[b] is added where it lands, at a + dilation * b; padding and stride then
    pick the places that conv2d would compute. Shares no code with the oracle.
    """
    p, weight = case.params, case.arrays["weight"]
    x = case.arrays["input"]
    x = x if x.ndim == 4 else x[None]
    batch, _, height, width = x.shape
    out_channels, shared, kh, kw = weight.shape
    dh, dw = p.dilation
    full = np.zeros((batch, out_channels, height + dh * (kh - 1), width + dw * (kw - 1)))
    per_group = out_channels // p.groups
    for o in range(out_channels):
        group = o // per_group
        own = x[:, group * shared : (group + 1) * shared]
        for i, j in np.ndindex(kh, kw):
            landed = np.einsum("nchw,c->nhw", own, weight[o, :, i, j])
            full[:, o, i * dh : i * dh + height, j * dw : j * dw + width] += landed
    picked = _pick(_pick(full, case, 0), case, 1)
    if "bias" in case.arrays:
        picked = picked + case.arrays["bias"][:, None, None]
    return picked.reshape(case.output_shape)


def _pick(full: Float64, case: Case, axis: int) -> Float64:
    """Keep the places dilation * (kernel - 1) - pad + stride * i of one axis; outside is 0."""
    kernel, p = case.weight.shape[-2:], case.params
    start = p.dilation[axis] * (kernel[axis] - 1) - p.pads(kernel)[axis][0]
    places = start + p.stride[axis] * np.arange(case.output_shape[axis - 2])
    inside = (places >= 0) & (places < full.shape[axis - 2])
    taken = np.take(full, np.where(inside, places, 0), axis=axis - 2)
    shape = (-1, 1) if axis == 0 else (-1,)
    return np.where(inside.reshape(shape), taken, 0.0)
