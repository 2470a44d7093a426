"""Wrong geometry: padding, stride, dilation and the output's size."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.mutants.parts import Args, Tensor, conv2d_like, without_last_column


@conv2d_like
def swapped_padding(a: Args) -> Tensor:
    """Pad the columns by padding_h and the rows by padding_w."""
    return a.padded(a.pads[::-1]).conv()


@conv2d_like
def same_extra_at_start(a: Args) -> Tensor:
    """Put the odd row and column of 'same' at the start instead of the end."""
    (top, bottom), (left, right) = a.pads
    return a.padded(((bottom, top), (right, left))).conv()


@conv2d_like
def pads_at_end(a: Args) -> Tensor:
    """Put all of the padding below and to the right."""
    (top, bottom), (left, right) = a.pads
    return a.padded(((0, top + bottom), (0, left + right))).conv()


@conv2d_like
def padding_capped(a: Args) -> Tensor:
    """Cap padding at kernel - 1, as if windows in the padding alone did not exist."""
    if isinstance(a.padding, str):
        return a.conv()
    (kh, kw), (ph, pw) = a.reach, a.padding
    return a.conv(padding=(min(ph, kh - 1), min(pw, kw - 1)))


@conv2d_like
def right_padding_repeats_edge(a: Args) -> Tensor:
    """Fill the right-hand padding with the last column instead of zeros."""
    rows, (left, right) = a.pads
    edge = a.input[..., -1:].expand(*a.input.shape[:-1], right)
    wide = torch.cat([a.input, edge], dim=-1)
    return a.conv(input=F.pad(wide, (left, 0, *rows)), padding=(0, 0))


@conv2d_like
def right_padding_reads_next_row(a: Args) -> Tensor:
    """Check no right-hand bound: the padding there holds the start of the next row."""
    rows, (left, right) = a.pads
    tall = F.pad(a.input, (0, 0, *rows))
    following = F.pad(tall[..., 1:, :right], (0, 0, 0, 1))
    following = F.pad(following, (0, right - following.shape[-1]))
    return a.conv(input=F.pad(torch.cat([tall, following], -1), (left, 0)), padding=(0, 0))


@conv2d_like
def pointwise_border_without_bias(a: Args) -> Tensor:
    """Multiply matrices for a 1x1 kernel, then pad the product: its border lacks the bias."""
    if a.kernel != (1, 1) or a.stride != (1, 1) or isinstance(a.padding, str):
        return a.conv()
    ph, pw = a.padding
    return F.pad(a.conv(padding=(0, 0)), (pw, pw, ph, ph))


@conv2d_like
def stride_starts_at_one(a: Args) -> Tensor:
    """Put the first window at 1 instead of 0 along an axis with stride > 1."""
    down, along = int(a.stride[0] > 1), int(a.stride[1] > 1)
    x = a.padded().input
    return a.conv(input=F.pad(x, (0, along, 0, down))[..., down:, along:], padding=(0, 0))


@conv2d_like
def stride_h_for_both(a: Args) -> Tensor:
    """Use stride_h along both axes."""
    return a.padded().conv(stride=(a.stride[0], a.stride[0]))


@conv2d_like
def stride_capped_at_kernel(a: Args) -> Tensor:
    """Cap the stride at the kernel's extent: no column is left out between windows."""
    (sh, sw), (kh, kw) = a.stride, a.reach
    return a.padded().conv(stride=(min(sh, kh), min(sw, kw)))


@conv2d_like
def strided_loop_ends_early(a: Args) -> Tensor:
    """End the column loop with < instead of <=: the last window that just fits is lost."""
    y = a.conv()
    return without_last_column(y) if a.stride[1] > 1 and a.remainder[1] == 0 else y


@conv2d_like
def size_rounded_up(a: Args) -> Tensor:
    """Round the output's size up where the stride does not divide the extent."""
    below = a.stride[0] - a.remainder[0] if a.remainder[0] else 0
    beside = a.stride[1] - a.remainder[1] if a.remainder[1] else 0
    return a.conv(input=F.pad(a.padded().input, (0, beside, 0, below)), padding=(0, 0))


@conv2d_like
def dilation_h_for_both(a: Args) -> Tensor:
    """Use dilation_h along both axes."""
    return a.padded().conv(dilation=(a.dilation[0], a.dilation[0]))


@conv2d_like
def dilation_ignored_with_groups(a: Args) -> Tensor:
    """Read neighbouring elements when groups > 1, whatever the dilation."""
    y = a.conv()
    if a.groups == 1:
        return y
    return a.padded().conv(dilation=(1, 1))[..., : y.shape[-2], : y.shape[-1]]


@conv2d_like
def last_dilated_row_one_early(a: Args) -> Tensor:
    """Place the last row of a dilated kernel one row too high."""
    dh, dw = a.dilation
    if dh == 1 or a.kernel[0] == 1:
        return a.conv()
    wide = a.weight.new_zeros(*a.weight.shape[:2], *a.reach)
    wide[..., ::dh, ::dw] = a.weight
    moved = torch.cat([wide[..., :-2, :], wide[..., -1:, :], wide[..., -2:-1, :]], dim=-2)
    return a.padded().conv(weight=moved, dilation=(1, 1))
