"""Defects of real backends in padding and dilation, re-created from reports."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F

from tests.mutants.parts import Args, Pair, Tensor, conv2d_like, fitted

TILE = 16


def _roomy(a: Args) -> Args:
    """Return the call with its padding written out, and zeros to the end of the kernel's reach."""
    b = replace(a.padded(), dilation=a.dilation)
    height, width = b.input.shape[-2:]
    more = (0, max(b.reach[1] - width, 0), 0, max(b.reach[0] - height, 0))
    return replace(b, input=F.pad(b.input, more))


def _dilated(a: Args, dilation: Pair) -> Tensor:
    """Return the answer with another dilation, in the size of the right one."""
    return fitted(_roomy(replace(a.padded(), dilation=dilation)).conv(), a.conv())


@conv2d_like
def same_padding_of_the_undilated_kernel(a: Args) -> Tensor:
    """Size 'same' padding by the kernel, without its dilation."""
    if a.padding != "same" or a.dilation == (1, 1):
        return a.conv()
    b = a.padded(replace(a, dilation=(1, 1)).pads)
    height, width = b.input.shape[-2:]
    return b.conv() if height >= a.reach[0] and width >= a.reach[1] else a.conv()


@conv2d_like
def dilated_rows_drift(a: Args) -> Tensor:
    """Step from row to row of a dilated kernel by its extent: dilation - 1 columns too far."""
    drift, rows = a.dilation[1] - 1, a.kernel[0]
    if drift == 0 or rows == 1:
        return a.conv()
    b = a.padded()
    flat = b.input.flatten(-2)
    y = b.conv(weight=torch.zeros_like(b.weight))
    for row in range(rows):
        skipped = min(row * drift, flat.shape[-1])
        moved = F.pad(flat[..., skipped:], (0, skipped)).reshape(b.input.shape)
        keep = torch.zeros_like(b.weight)
        keep[..., row, :] = 1
        y = y + b.conv(input=moved, weight=b.weight * keep, bias=None)
    return y


@conv2d_like
def dilation_never_read(a: Args) -> Tensor:
    """Ignore the dilation, but for the size of the output."""
    return a.conv() if a.dilation == (1, 1) else _dilated(a, (1, 1))


@conv2d_like
def dilations_swapped(a: Args) -> Tensor:
    """Dilate the rows as the columns and the columns as the rows."""
    return a.conv() if a.dilation[0] == a.dilation[1] else _dilated(a, a.dilation[::-1])


@conv2d_like
def dilation_w_for_both(a: Args) -> Tensor:
    """Use dilation_w along both axes."""
    along = a.dilation[1]
    return a.conv() if a.dilation[0] == along else _dilated(a, (along, along))


@conv2d_like
def dilation_applied_twice(a: Args) -> Tensor:
    """Dilate a kernel that has been dilated already."""
    dilations = zip(a.dilation, a.kernel, strict=True)
    rows, columns = (1 if extent == 1 else d * d for d, extent in dilations)
    if rows == columns == 1:
        return a.conv()
    return _dilated(a, (rows, columns))


@conv2d_like
def dilation_capped_at_two(a: Args) -> Tensor:
    """Dilate by two where more is asked for."""
    if max(a.dilation) <= 2:
        return a.conv()
    return _dilated(a, (min(a.dilation[0], 2), min(a.dilation[1], 2)))


@conv2d_like
def single_row_not_dilated(a: Args) -> Tensor:
    """Ignore the dilation of a kernel of one row on an input of one row."""
    one = a.kernel[0] == 1 and a.input.shape[-2] == 1
    return _dilated(a, (1, 1)) if one and a.dilation[1] > 1 else a.conv()


@conv2d_like
def strided_columns_not_dilated(a: Args) -> Tensor:
    """Ignore the dilation along columns that have a stride, too."""
    both = a.stride[1] > 1 and a.dilation[1] > 1
    return _dilated(a, (a.dilation[0], 1)) if both else a.conv()


@conv2d_like
def bounds_of_the_other_axis(a: Args) -> Tensor:
    """Compare rows with the width and columns with the height to find what is padding."""
    height, width = a.input.shape[-2:]
    inside = torch.zeros((height, width), dtype=torch.bool)
    inside[:width, :height] = True
    return a.conv(input=torch.where(inside, a.input, torch.zeros_like(a.input)))


@conv2d_like
def later_tiles_without_right_padding(a: Args) -> Tensor:
    """Find the right-hand padding in the first tile of 16 columns only; repeat the edge later."""
    y = a.conv()
    rows, (left, right) = a.pads
    if y.shape[-1] <= TILE or not right or a.kernel[1] == 1:
        return y
    edge = a.input[..., -1:].expand(*a.input.shape[:-1], right)
    wide = F.pad(torch.cat([a.input, edge], dim=-1), (left, 0, *rows))
    return torch.cat([y[..., :TILE], a.conv(input=wide, padding=(0, 0))[..., TILE:]], -1)


@conv2d_like
def kernel_beyond_the_image_cut(a: Args) -> Tensor:
    """Leave out the rows and columns by which a kernel is larger than the unpadded image."""
    height, width = a.input.shape[-2:]
    keep = torch.ones_like(a.weight)
    keep[..., height:, :] = 0
    keep[..., width:] = 0
    larger = a.kernel[0] > height or a.kernel[1] > width
    return a.conv(weight=a.weight * keep) if larger else a.conv()
