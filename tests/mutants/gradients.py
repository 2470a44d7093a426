"""Right outputs with wrong gradients."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.autograd import forward_ad

from tests.mutants.parts import Args, Tensor, conv2d_like, detour, edited, misread

_last_weight_gradient: dict[torch.Size, Tensor] = {}


@conv2d_like
def grad_input_tail_lost(a: Args) -> Tensor:
    """Give the rows of the last window no gradient if the stride does not divide the height."""
    y = a.conv()
    start = max((y.shape[-2] - 1) * a.stride[0] - a.pads[0][0], 0)

    def cut(g: Tensor) -> Tensor:
        return F.pad(g[..., :start, :], (0, 0, 0, g.shape[-2] - start))

    return a.conv(input=edited(a.input, cut)) if a.remainder[0] else y


@conv2d_like
def grad_input_flipped(a: Args) -> Tensor:
    """Compute the input's gradient with the kernel flipped once too often."""
    path = a.conv(weight=a.weight.detach().flip(-2, -1), bias=None)
    return a.conv(input=a.input.detach()) + detour(torch.zeros_like(path), path)


@conv2d_like
def grad_input_groups_rotated(a: Args) -> Tensor:
    """Write the input's gradient of each group to the next group."""

    def rotate(g: Tensor) -> Tensor:
        return g.roll(g.shape[-3] // a.groups, -3)

    return a.conv(input=edited(a.input, rotate))


@conv2d_like
def grad_input_border_lost(a: Args) -> Tensor:
    """Give the first row of a padded input no gradient."""

    def cut(g: Tensor) -> Tensor:
        return F.pad(g[..., 1:, :], (0, 0, 1, 0))

    return a.conv(input=edited(a.input, cut)) if a.pads[0][0] else a.conv()


@conv2d_like
def grad_input_lost_with_frozen_weight(a: Args) -> Tensor:
    """Give the input a gradient of zero when the weight needs none."""
    return a.conv() if a.weight.requires_grad else a.conv(input=edited(a.input, torch.zeros_like))


@conv2d_like
def grad_input_scaled(a: Args) -> Tensor:
    """Return 1 + 2**-10 times the input's gradient."""
    return a.conv(input=edited(a.input, lambda g: g * (1.0 + 2.0**-10)))


@conv2d_like
def grad_weight_transposed(a: Args) -> Tensor:
    """Transpose the gradient of a square kernel."""
    square = a.kernel[0] == a.kernel[1]
    return a.conv(weight=edited(a.weight, lambda g: g.mT)) if square else a.conv()


@conv2d_like
def grad_weight_without_last_image(a: Args) -> Tensor:
    """Leave the last of several images out of the weight's gradient."""
    if a.images < 2:
        return a.conv()
    last = a.conv(input=a.input[-1:], weight=a.weight.detach())
    return torch.cat([a.conv(input=a.input[:-1]), last])


@conv2d_like
def grad_weight_in_bfloat16(a: Args) -> Tensor:
    """Round the weight's gradient to bfloat16."""
    return a.conv(weight=edited(a.weight, lambda g: g.bfloat16().to(g.dtype)))


@conv2d_like
def grad_weight_accumulates(a: Args) -> Tensor:
    """Add the weight's gradient to that of the previous call of the same shape."""

    def accumulate(g: Tensor) -> Tensor:
        before = _last_weight_gradient.get(g.shape)
        _last_weight_gradient[g.shape] = g.clone()
        return g if before is None else g + before.to(g.dtype)

    return a.conv(weight=edited(a.weight, accumulate))


@conv2d_like
def grad_bias_is_a_mean(a: Args) -> Tensor:
    """Average grad_output over images and positions instead of summing it."""
    y = a.conv()
    if a.bias is None or not y.numel():
        return y
    count = y.numel() // y.shape[-3]
    return a.conv(bias=edited(a.bias, lambda g: g / count))


@conv2d_like
def grad_bias_of_first_image(a: Args) -> Tensor:
    """Sum the bias's gradient over the first image only."""
    if a.bias is None or a.images < 2:
        return a.conv()
    rest = a.conv(input=a.input[1:], bias=a.bias.detach())
    return torch.cat([a.conv(input=a.input[:1]), rest])


@conv2d_like
def grad_output_strides_ignored(a: Args) -> Tensor:
    """Read grad_output as if it were contiguous."""
    return edited(a.conv(), misread)


@conv2d_like
def tangent_without_weight(a: Args) -> Tensor:
    """Leave the weight's direction out of the derivative in forward mode."""
    weight = forward_ad.unpack_dual(a.weight)  # type: ignore[no-untyped-call]
    return a.conv() if weight.tangent is None else a.conv(weight=weight.primal)


@conv2d_like
def grad_input_without_graph(a: Args) -> Tensor:
    """Return the input's gradient as a constant: right, but its own gradients are lost."""
    return a.conv(input=edited(a.input, torch.Tensor.detach))


@conv2d_like
def half_tangent_without_weight(a: Args) -> Tensor:
    """Leave the weight's direction out of the derivative in forward mode, in 16 bits alone."""
    weight = forward_ad.unpack_dual(a.weight)  # type: ignore[no-untyped-call]
    forgets = a.weight.itemsize == 2 and weight.tangent is not None
    return a.conv(weight=weight.primal) if forgets else a.conv()


@conv2d_like
def half_grad_input_without_graph(a: Args) -> Tensor:
    """Return the input's gradient as a constant in 16 bits alone."""
    return a.conv(input=edited(a.input, lambda g: g.detach() if g.itemsize == 2 else g))
