"""The gradients of a convolution, with the names and argument order of torch.nn.grad."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reference.arguments import Array, ArrayLike
from reference.calls import bias_call, input_call, weight_call
from reference.contractions import accumulate, scatter
from reference.padding import fold_array
from reference.params import Conv2dParams, IntOrPair, Padding


def conv2d_input(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Array:
    """Return the gradient with respect to the unpadded input, whose shape is `input_size`.

    Of the whole padded operation: a padded copy's gradient is added to the element it repeats.
    Of complex operands that of torch, with the conjugate of the weight.
    """
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (w, gy) = input_call(input_size, weight, grad_output, params)
    with np.errstate(all="ignore"):
        gx = fold_array(scatter(w.conj(), gy, geometry), geometry.pads, padding_mode)
    return gx if geometry.is_batched else gx[0]


def conv2d_weight(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Array:
    """Return the gradient with respect to the weight, whose shape is `weight_size`.

    Of complex operands that of torch, with the conjugate of the input.
    """
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (x, gy) = weight_call(input, weight_size, grad_output, params)
    return accumulate(x.conj(), gy, geometry)


def conv2d_bias(grad_output: ArrayLike) -> Array:
    """Return the gradient with respect to the bias: the sum over batch, rows and columns."""
    with np.errstate(all="ignore"):
        total: Array = bias_call(grad_output).sum((0, 2, 3))
    return total
