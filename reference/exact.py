"""Convolution and gradients of 64-bit data, correctly rounded: the oracle of float64 kernels.

Every element is the exact sum of its exact products, rounded once to the nearest float64, ties to
even; to a subnormal number or zero where the result is that small, to inf where it rounds beyond
the largest number. An exact zero is +0. `reference.slices` says why the sums are exact and
`reference.rounding` why their rounding is right; `reference.columns` keeps memory bounded.

Operands are those of the ordinary functions, read as float64. A ValueError refuses what these
refuse, NaN and infinities, and an operand whose nonzero elements span more than 400 binades. Cost
grows with the product of the spans of both operands: normally distributed float64 data take 4 x 4
products of slices, float32 data 3 x 2.

Where an operand is complex, so is the result, each part of it rounded once, and gradients are
torch's: of the conjugate weight or input.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reference.arguments import Array, ArrayLike
from reference.calls import bias_call, forward_call, input_call, weight_call
from reference.exact_complex import (
    accumulate_complex,
    correlate_complex,
    scatter_complex,
    sum_complex,
)
from reference.exact_contractions import (
    accumulate_exactly,
    correlate_exactly,
    scatter_exactly,
    sum_exactly,
)
from reference.params import Conv2dParams, IntOrPair, Padding

COPIES = 8  # scaled operands, slices of one, sums of an image


def conv2d_exact(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Array:
    """Return the convolution `conv2d_loops` defines, bias included, rounded once.

    A ValueError also for a bias that lies hundreds of binades from the products.
    """
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (x, w, *b) = forward_call(input, weight, bias, params, copies=COPIES, as_floats=True)
    contract = correlate_complex if np.iscomplexobj(x) else correlate_exactly
    y = contract(x, w, b[0] if b else None, geometry)
    return y if geometry.is_batched else y[0]


def conv2d_input_exact(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Array:
    """Return the gradient with respect to the unpadded input, of shape `input_size`.

    A padded copy's gradient is added to the element it repeats before the sum is rounded.
    """
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (w, gy) = input_call(
        input_size, weight, grad_output, params, copies=COPIES, as_floats=True
    )
    contract = scatter_complex if np.iscomplexobj(w) else scatter_exactly
    gx = contract(w, gy, geometry)
    return gx if geometry.is_batched else gx[0]


def conv2d_weight_exact(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Array:
    """Return the gradient with respect to the weight, of shape `weight_size`."""
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (x, gy) = weight_call(
        input, weight_size, grad_output, params, copies=COPIES, as_floats=True
    )
    contract = accumulate_complex if np.iscomplexobj(x) else accumulate_exactly
    return contract(x, gy, geometry)


def conv2d_bias_exact(grad_output: ArrayLike) -> Array:
    """Return the gradient with respect to the bias, of shape (out_channels,)."""
    gy = bias_call(grad_output, copies=COPIES, as_floats=True)
    return sum_complex(gy) if np.iscomplexobj(gy) else sum_exactly(gy)
