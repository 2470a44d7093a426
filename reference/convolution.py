"""The convolution in its fast forms: what callers compare a kernel's output with."""

from __future__ import annotations

import numpy as np

from reference.arguments import Array, ArrayLike
from reference.calls import forward_call
from reference.contractions import correlate
from reference.params import Conv2dParams, IntOrPair, Padding


def conv2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Array:
    """Return the convolution `conv2d_loops` defines, as matrix products over banded im2col columns.

    Float64, complex128 for complex operands, or int64 modulo 2^64 for integer operands.
    A ValueError for what nn.Conv2d refuses.
    """
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (x, w, *b) = forward_call(input, weight, bias, params)
    y = correlate(x, w, geometry)
    if b:
        with np.errstate(all="ignore"):
            y += b[0][:, None, None]
    return y if geometry.is_batched else y[0]


def conv2d_flipped(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Array:
    """Return the true convolution: `conv2d` with the kernel flipped up-down and left-right."""
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (x, w, *b) = forward_call(input, weight, bias, params)
    flipped = np.ascontiguousarray(w[:, :, ::-1, ::-1])
    y = correlate(x, flipped, geometry)
    if b:
        with np.errstate(all="ignore"):
            y += b[0][:, None, None]
    return y if geometry.is_batched else y[0]


def conv2d_pointwise(input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """Return a 1x1 convolution as one matrix product: a linear layer over the channels."""
    geometry, (x, w, *b) = forward_call(input, weight, bias, Conv2dParams())
    if geometry.kernel != (1, 1):
        raise ValueError(f"`weight` of shape {geometry.weight_shape} is not a 1x1 kernel")
    with np.errstate(all="ignore"):
        y = np.tensordot(w[:, :, 0, 0], x, axes=(1, 1)).swapaxes(0, 1)
        y = np.ascontiguousarray(y + b[0][:, None, None] if b else y)
    return y if geometry.is_batched else y[0]
