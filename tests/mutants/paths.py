"""Wrong in one fast path: a kernel, a stride, a dilation, a number of groups or of channels."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F

from tests.mutants.parts import Args, Tensor, conv2d_like, fitted


def _depthwise(a: Args) -> bool:
    return a.groups > 1 and a.weight.shape[1] == 1


def _without_data(a: Args) -> Tensor:
    return a.conv(weight=torch.zeros_like(a.weight))


@conv2d_like
def pointwise_stride_shortens_rows(a: Args) -> Tensor:
    """Multiply the first pixels instead of every second one if a 1x1 kernel has a stride."""
    if a.kernel != (1, 1) or a.stride == (1, 1):
        return a.conv()
    height, width = a.conv().shape[-2:]
    first = a.padded().input[..., :height, :width]
    return a.conv(input=first, stride=(1, 1), padding=(0, 0))


@conv2d_like
def depthwise_caches_columns_at_the_stride(a: Args) -> Tensor:
    """Place the taps of a depthwise kernel at multiples of the stride, not of the dilation."""
    if not _depthwise(a) or a.stride == a.dilation:
        return a.conv()
    (kh, kw), (sh, sw), (dh, dw) = a.kernel, a.stride, a.dilation
    more = (0, max(sw - dw, 0) * (kw - 1), 0, max(sh - dh, 0) * (kh - 1))
    wide = F.pad(a.padded().input, more)
    return fitted(a.conv(input=wide, padding=(0, 0), dilation=a.stride), a.conv())


@conv2d_like
def unequal_strides_swapped(a: Args) -> Tensor:
    """Step down by the stride of the columns and along by that of the rows."""
    if a.stride[0] == a.stride[1]:
        return a.conv()
    return fitted(a.padded().conv(stride=a.stride[::-1]), a.conv())


@conv2d_like
def depthwise_rows_of_kernel_height(a: Args) -> Tensor:
    """Index a depthwise kernel with its height as the length of its rows."""
    kh, kw = a.kernel
    if not _depthwise(a) or kh == kw:
        return a.conv()
    down, along = torch.meshgrid(torch.arange(kh), torch.arange(kw), indexing="ij")
    taps = (down * kh + along).flatten() % (kh * kw)
    return a.conv(weight=a.weight.flatten(-2)[..., taps].view(a.weight.shape))


@conv2d_like
def same_padding_of_the_other_dilation(a: Args) -> Tensor:
    """Give each axis of 'same' padding the dilation of the other one."""
    if a.padding != "same" or a.dilation[0] == a.dilation[1]:
        return a.conv()
    b = a.padded(replace(a, dilation=a.dilation[::-1]).pads)
    height, width = b.input.shape[-2:]
    missing = (0, max(a.reach[1] - width, 0), 0, max(a.reach[0] - height, 0))
    return b.conv(input=F.pad(b.input, missing))


@conv2d_like
def depthwise_single_row_reversed(a: Args) -> Tensor:
    """Read a depthwise kernel backwards if the input has one row."""
    if not _depthwise(a) or a.input.shape[-2] != 1:
        return a.conv()
    return a.conv(weight=a.weight.flip(-1))


@conv2d_like
def grouped_wide_kernel_cut(a: Args) -> Tensor:
    """Ignore the columns of a kernel from the seventh on when there are groups."""
    keep = torch.ones_like(a.weight)
    if a.groups > 1:
        keep[..., 6:] = 0
    return a.conv(weight=a.weight * keep)


@conv2d_like
def second_group_of_pointwise_lost(a: Args) -> Tensor:
    """Leave the second of two groups of a 1x1 kernel without data if 16 divides the outputs."""
    outputs = a.weight.shape[0]
    if a.groups != 2 or a.kernel != (1, 1) or outputs == 0 or outputs % 16:
        return a.conv()
    half = outputs // 2
    return torch.cat(
        [a.conv().narrow(-3, 0, half), _without_data(a).narrow(-3, half, half)], dim=-3
    )


@conv2d_like
def winograd_tile_repeats_the_border(a: Args) -> Tensor:
    """Repeat the last column in the padding of a 3x3 kernel at stride 1."""
    plain = a.stride == a.dilation == (1, 1) and a.kernel == (3, 3) and a.groups == 1
    rows, (left, right) = a.pads
    if not plain or not right:
        return a.conv()
    edge = a.input[..., -1:].expand(*a.input.shape[:-1], right)
    wide = F.pad(torch.cat([a.input, edge], dim=-1), (left, 0, *rows))
    return a.conv(input=wide, padding=(0, 0))


@conv2d_like
def full_height_depthwise_repeats_first_image(a: Args) -> Tensor:
    """Give every image the result of the first, in float32, for a depthwise full-height kernel."""
    spans = a.kernel[0] == a.input.shape[-2]
    if not _depthwise(a) or not spans or a.images < 2 or a.input.dtype != torch.float32:
        return a.conv()
    return a.conv(input=a.input[:1].expand_as(a.input))


@conv2d_like
def dilated_depthwise_left_at_bias(a: Args) -> Tensor:
    """Return what the output is initialised to for a dilated depthwise 3x3 kernel."""
    dilated = _depthwise(a) and a.kernel == (3, 3) and a.dilation != (1, 1)
    return _without_data(a) if dilated else a.conv()


@conv2d_like
def tall_kernel_not_dilated(a: Args) -> Tensor:
    """Ignore the dilation of a kernel of one column."""
    if a.kernel[1] != 1 or a.kernel[0] == 1 or a.dilation[0] == 1:
        return a.conv()
    return fitted(a.padded().conv(dilation=(1, 1)), a.conv())


@conv2d_like
def channels_last_depthwise_weight_by_taps(a: Args) -> Tensor:
    """Read a depthwise weight tap by tap if the input is channels_last."""
    if not _depthwise(a) or a.input.is_contiguous():
        return a.conv()
    outputs, taps = a.weight.shape[0], a.kernel[0] * a.kernel[1]
    by_taps = a.weight.reshape(-1).view(taps, outputs).t()
    return a.conv(weight=by_taps.reshape(a.weight.shape))


@conv2d_like
def cube_read_as_nhwc(a: Args) -> Tensor:
    """Take the axes for N, H, W, C where that fits: as many channels as rows and columns."""
    x = a.input
    cube = x.dim() == 4 and x.shape[1] == x.shape[2] == x.shape[3]
    return a.conv(input=x.permute(0, 3, 1, 2)) if cube else a.conv()


@conv2d_like
def last_block_of_images_repeats_first(a: Args) -> Tensor:
    """Take the images beyond whole blocks of 16 from the start of the batch."""
    index = torch.arange(a.images)
    whole = a.images // 16 * 16
    if whole:
        index[whole:] = torch.arange(a.images - whole)
    return a.conv(input=a.input[index]) if whole else a.conv()


@conv2d_like
def row_tail_written_as_four(a: Args) -> Tensor:
    """Clear the start of the next row when two or three columns are left of a vector of four."""
    y = a.conv()
    if y.shape[-1] % 4 < 2 or y.shape[-2] < 2:
        return y
    keep = torch.ones(y.shape[-2:], dtype=torch.bool)
    keep[1:, 0] = False
    return torch.where(keep, y, torch.zeros_like(y))


@conv2d_like
def plane_tail_left_at_bias(a: Args) -> Tensor:
    """Leave out up to three outputs of each plane of a padded 3x3 kernel at stride 2."""
    y = a.conv()
    size = y.shape[-2] * y.shape[-1]
    form = a.kernel == (3, 3) and a.stride == (2, 2) and a.pads == ((1, 1), (1, 1))
    if not form or size % 4 == 0:
        return y
    keep = (torch.arange(size) < size // 4 * 4).view(y.shape[-2:])
    return torch.where(keep, y, _without_data(a))
