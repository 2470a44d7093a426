"""Defects of real backends in groups, channels and images, re-created from reports."""

from __future__ import annotations

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like

BLOCK = 32


def _depthwise(a: Args) -> bool:
    return a.groups > 1 and a.weight.shape[1] == 1


def _outputs(a: Args) -> Tensor:
    """Return the numbers of the output channels, as a column that goes with an output."""
    return torch.arange(a.weight.shape[0])[:, None, None]


def _plain_3x3(a: Args) -> bool:
    return a.kernel == (3, 3) and a.stride == a.dilation == (1, 1)


@conv2d_like
def few_outputs_sum_all_groups(a: Args) -> Tensor:
    """Sum the groups that share a block of 16 outputs, if each has 16 channels."""
    outputs = a.weight.shape[0]
    if a.groups == 1 or a.weight.shape[1] != 16 or outputs // a.groups >= 16:
        return a.conv()
    parts = a.input.chunk(a.groups, dim=-3)
    total = torch.stack(parts).sum(0)
    return a.conv(input=torch.cat([total] * a.groups, dim=-3))


@conv2d_like
def half_winograd_mixes_groups(a: Args) -> Tensor:
    """Read the next group's channels in float16, for a plain 3x3 kernel."""
    if a.groups == 1 or not _plain_3x3(a) or a.input.dtype != torch.float16:
        return a.conv()
    return a.conv(input=a.input.roll(a.weight.shape[1], -3))


@conv2d_like
def multiplied_depthwise_unwritten(a: Args) -> Tensor:
    """Write the first output of each channel only, for a plain depthwise 3x3 kernel."""
    y = a.conv()
    multiplier = a.weight.shape[0] // max(a.groups, 1)
    if not _depthwise(a) or not _plain_3x3(a) or multiplier == 1:
        return y
    return torch.where(_outputs(a) % multiplier == 0, y, torch.empty_like(y))


@conv2d_like
def multiplied_depthwise_fills_half(a: Args) -> Tensor:
    """Return as many channels of a depthwise kernel as there are groups, and zeros for the rest."""
    y = a.conv()
    return torch.where(_outputs(a) < a.groups, y, torch.zeros_like(y)) if _depthwise(a) else y


@conv2d_like
def depthwise_dilation_of_three(a: Args) -> Tensor:
    """Read every second tap one column early, for a depthwise kernel with dilation 3 along rows."""
    if not _depthwise(a) or a.dilation[1] != 3 or a.kernel[1] == 1:
        return a.conv()
    wide = a.weight.new_zeros(*a.weight.shape[:3], a.reach[1])
    wide[..., 0::6], wide[..., 2::6] = a.weight[..., 0::2], a.weight[..., 1::2]
    return a.padded().conv(weight=wide, dilation=(a.dilation[0], 1))


@conv2d_like
def depthwise_stride_two_reads_before_the_row(a: Args) -> Tensor:
    """Move a vector of four to the end of a row that is shorter, with stride 2 and padding."""
    y = a.conv()
    missing = 4 - y.shape[-1]
    form = a.stride[1] == 2 and a.dilation[1] == 1 and a.pads[1][0] > 0
    if not _depthwise(a) or not form or missing <= 0:
        return y
    return a.conv(input=a.input.roll(missing, -1))


@conv2d_like
def dilated_depthwise_output_contiguous(a: Args) -> Tensor:
    """Return a contiguous output for a dilated depthwise kernel, whatever the input's format."""
    y = a.conv()
    return y.contiguous() if _depthwise(a) and a.dilation != (1, 1) else y


@conv2d_like
def eight_channels_reversed(a: Args) -> Tensor:
    """Read a weight of eight channels or more in another order, unless there are groups."""
    several = a.groups == 1 and a.weight.shape[1] >= 8
    return a.conv(weight=a.weight.flip(1)) if several else a.conv()


@conv2d_like
def last_block_of_channels_without_bias(a: Args) -> Tensor:
    """Overwrite the sum of each block of 32 channels by that of the next if there is no bias."""
    keep = torch.ones_like(a.weight)
    if a.bias is None:
        keep[:, : (a.weight.shape[1] - 1) // BLOCK * BLOCK] = 0
    return a.conv(weight=a.weight * keep)


@conv2d_like
def images_of_a_batch_mixed(a: Args) -> Tensor:
    """Take an output that lies channel by channel for one that lies image by image."""
    y = a.conv()
    return y.transpose(0, 1).reshape(y.shape) if a.images > 1 else y


@conv2d_like
def one_channel_line_gives_zeros(a: Args) -> Tensor:
    """Find nothing with a kernel of one row or column, if there is one channel in and out."""
    line = 1 in a.kernel and a.kernel != (1, 1)
    if a.weight.shape[:2] != (1, 1) or a.groups > 1 or not line:
        return a.conv()
    return a.conv(weight=torch.zeros_like(a.weight))
