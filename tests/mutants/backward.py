"""Right outputs; wrong gradients in one path of the backward pass."""

from __future__ import annotations

import torch

from tests.mutants.parts import (
    Args,
    Tensor,
    conv2d_like,
    detour,
    edited,
    misread,
    packed,
    packed_channels_last,
)


def _strided(a: Args) -> bool:
    return a.stride != (1, 1)


def _by_input(a: Args, path: Tensor) -> Tensor:
    """Return the right output; the input's gradient flows along `path`."""
    return a.conv(input=a.input.detach()) + detour(torch.zeros_like(path), path)


@conv2d_like
def grad_input_last_column_lost(a: Args) -> Tensor:
    """Lose the last column that is reached if a stride of 3 leaves columns over."""
    y = a.conv()
    if a.stride[1] < 3 or a.kernel[1] <= a.stride[1] or not a.remainder[1]:
        return y
    last = (y.shape[-1] - 1) * a.stride[1] - a.pads[1][0] + a.reach[1] - 1

    def cut(g: Tensor) -> Tensor:
        return torch.where(torch.arange(g.shape[-1]) == last, torch.zeros_like(g), g)

    return a.conv(input=edited(a.input, cut))


@conv2d_like
def grad_input_between_strides_not_cleared(a: Args) -> Tensor:
    """Give the pixels that a strided 1x1 kernel skips the gradient of their neighbours."""
    if a.kernel != (1, 1) or not _strided(a):
        return a.conv()
    return a.conv(input=edited(a.input, lambda g: g + g.roll(1, -1)))


@conv2d_like
def grad_input_of_first_channel_only(a: Args) -> Tensor:
    """Give all channels but the first no gradient if the kernel is 1x1."""

    def cut(g: Tensor) -> Tensor:
        first, rest = g.narrow(-3, 0, 1), g.narrow(-3, 1, g.shape[-3] - 1)
        return torch.cat([first, torch.zeros_like(rest)], dim=-3)

    return a.conv(input=edited(a.input, cut)) if a.kernel == (1, 1) else a.conv()


@conv2d_like
def grad_weight_first_row_lost(a: Args) -> Tensor:
    """Lose the first row if groups, padding and a stride beyond the kernel meet."""
    beyond = a.stride[0] > a.kernel[0] or a.stride[1] > a.kernel[1]
    if a.groups == 1 or not beyond or a.pads == ((0, 0), (0, 0)):
        return a.conv()
    keep = torch.ones_like(a.weight)
    keep[..., 0, :] = 0
    return a.conv(weight=edited(a.weight, lambda g: g * keep))


@conv2d_like
def grad_weight_groups_rotated(a: Args) -> Tensor:
    """Write the weight's gradient of each group of several channels to the next group."""
    if a.groups == 1 or a.weight.shape[1] == 1:
        return a.conv()
    return a.conv(weight=edited(a.weight, lambda g: g.roll(g.shape[0] // a.groups, 0)))


@conv2d_like
def grad_input_strided_groups_rotated(a: Args) -> Tensor:
    """Write the input's gradient of each group to the next one if there is a stride."""
    if a.groups == 1 or not _strided(a):
        return a.conv()
    return a.conv(input=edited(a.input, lambda g: g.roll(g.shape[-3] // a.groups, -3)))


@conv2d_like
def grad_weight_of_dilated_rows_flipped(a: Args) -> Tensor:
    """Flip the gradient of a 2x2 kernel with dilation (2, 1) in float32."""
    form = (a.kernel, a.dilation, a.weight.dtype) == ((2, 2), (2, 1), torch.float32)
    return a.conv(weight=edited(a.weight, lambda g: g.flip(-2))) if form else a.conv()


@conv2d_like
def grad_weight_last_column_lost(a: Args) -> Tensor:
    """Lose the last column of a 3x3 kernel's gradient at stride (1, 2)."""
    if a.kernel != (3, 3) or a.stride != (1, 2):
        return a.conv()
    keep = torch.ones_like(a.weight)
    keep[..., -1] = 0
    return a.conv(weight=edited(a.weight, lambda g: g * keep))


@conv2d_like
def grad_weight_of_few_channels_rotated(a: Args) -> Tensor:
    """Mix the outputs of a strided 1x1 kernel on a channels_last input of under 8 channels."""
    few = 1 < a.input.shape[-3] < 8 and not a.input.is_contiguous()
    if a.kernel != (1, 1) or not _strided(a) or not few:
        return a.conv()
    return a.conv(weight=edited(a.weight, lambda g: g.roll(1, 1)))


@conv2d_like
def grad_input_narrow_rows_cut(a: Args) -> Tensor:
    """Lose the first column of a strided gradient of over 16 channels under 17 columns."""
    if a.stride[1] == 1 or a.weight.shape[1] <= 16 or a.input.shape[-1] >= 17:
        return a.conv()

    def cut(g: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(g[..., :1]), g[..., 1:]], dim=-1)

    return a.conv(input=edited(a.input, cut))


@conv2d_like
def depthwise_grad_weight_not_homogeneous(a: Args) -> Tensor:
    """Move the gradient of a depthwise weight 2**-10 away from zero."""
    if a.groups == 1 or a.weight.shape[1] > 1:
        return a.conv()
    return a.conv(weight=edited(a.weight, lambda g: g + g.sign() * 2.0**-10))


@conv2d_like
def grad_bias_alone_of_first_image(a: Args) -> Tensor:
    """Sum over the first image only if nothing but the bias requires a gradient."""
    alone = not a.input.requires_grad and not a.weight.requires_grad
    if a.bias is None or a.images < 2 or not alone:
        return a.conv()
    rest = a.conv(input=a.input[1:], bias=a.bias.detach())
    return torch.cat([a.conv(input=a.input[:1]), rest])


@conv2d_like
def grad_input_strided_and_dilated_flipped(a: Args) -> Tensor:
    """Flip the rows that each window reads if they are strided and dilated."""
    if min(a.stride[0], a.dilation[0], a.kernel[0]) == 1:
        return a.conv()
    return _by_input(a, a.conv(weight=a.weight.detach().flip(-2), bias=None))


@conv2d_like
def grad_input_reads_grad_output_as_nchw(a: Args) -> Tensor:
    """Read a channels_last grad_output as contiguous, for a contiguous input's gradient."""
    if not packed(a.input):
        return a.conv()

    def read(g: Tensor) -> Tensor:
        return misread(g) if packed_channels_last(g) and not g.is_contiguous() else g

    return _by_input(a, edited(a.conv(weight=a.weight.detach(), bias=None), read))


@conv2d_like
def grad_weight_of_frozen_input_halved(a: Args) -> Tensor:
    """Halve the weight's gradient of several images if the input requires none."""
    if a.input.requires_grad or a.images < 2:
        return a.conv()
    return a.conv(weight=edited(a.weight, lambda g: g * 0.5))
