"""Defects of real backends at the ends of vectors, tiles, tables and indices, from reports."""

from __future__ import annotations

import os
import signal

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like

TABLE = 512
UNFOLDED = 1 << 19


def _positions(y: Tensor) -> Tensor:
    """Return the number of each position of a plane of outputs."""
    return torch.arange(y.shape[-2] * y.shape[-1]).view(y.shape[-2:])


def _without_data(a: Args) -> Tensor:
    return a.conv(weight=torch.zeros_like(a.weight))


@conv2d_like
def last_odd_column_unwritten(a: Args) -> Tensor:
    """Compute two columns at a time: the last of an odd number stays as allocated."""
    y = a.conv()
    width = y.shape[-1]
    written = torch.arange(width) < width // 2 * 2
    return torch.where(written, y, torch.empty_like(y))


@conv2d_like
def last_tile_of_winograd_lost(a: Args) -> Tensor:
    """Lose the last 4x4 tile of a plain 3x3 kernel if eight leave five or more tiles over."""
    y = a.conv()
    height, width = y.shape[-2:]
    tiles = -(-height // 4) * -(-width // 4)
    plain = a.kernel == (3, 3) and a.stride == a.dilation == (1, 1) and a.groups == 1
    if not plain or tiles % 8 <= 4:
        return y
    keep = torch.ones((height, width), dtype=torch.bool)
    keep[(height - 1) // 4 * 4 :, (width - 1) // 4 * 4 :] = False
    return torch.where(keep, y, _without_data(a))


@conv2d_like
def first_pixel_of_last_block_lost(a: Args) -> Tensor:
    """Lose the first pixel of the last eight if one is left over, for a 3x3 kernel at stride 2."""
    y = a.conv()
    size = y.shape[-2] * y.shape[-1]
    form = a.kernel == (3, 3) and a.stride == (2, 2) and a.pads != ((0, 0), (0, 0))
    if not form or size < 9 or size % 8 != 1:
        return y
    return torch.where(_positions(y) == size - 9, _without_data(a), y)


@conv2d_like
def pointwise_adds_to_unwritten_memory(a: Args) -> Tensor:
    """Add the products of a 1x1 kernel to what the output's memory holds."""
    y = a.conv()
    return y + torch.empty_like(y) if a.kernel == (1, 1) else y


@conv2d_like
def products_rounded_up_to_32(a: Args) -> Tensor:
    """Sum over a multiple of 32 products, the last of which nobody has written."""
    y = a.conv()
    products = a.weight.shape[1] * a.kernel[0] * a.kernel[1]
    return y + torch.empty_like(y) if products % 32 else y


@conv2d_like
def channels_past_the_table_overwrite(a: Args) -> Tensor:
    """Write output channels from the 513th on over the first ones, and leave zeros there."""
    y = a.conv()
    channels = y.shape[-3]
    if channels <= TABLE:
        return y
    first = torch.arange(TABLE)
    written = y.index_select(-3, first + (channels - 1 - first) // TABLE * TABLE)
    return torch.cat([written, torch.zeros_like(y.narrow(-3, TABLE, channels - TABLE))], -3)


@conv2d_like
def unfolded_matrix_ends_early(a: Args) -> Tensor:
    """Unfold the input to at most 2^19 products, as real kernels to 2^32; the rest is zero."""
    y = a.conv()
    products = a.weight.shape[1] * a.groups * a.kernel[0] * a.kernel[1]
    plane = y.shape[-2] * y.shape[-1]
    if max(a.images, 1) * plane * products <= UNFOLDED:
        return y
    images = torch.arange(max(a.images, 1))[:, None, None, None]
    inside = (images * plane + _positions(y)) * products < UNFOLDED
    return torch.where(inside if y.dim() == 4 else inside[0], y, _without_data(a))


@conv2d_like
def no_images_end_the_process(a: Args) -> Tensor:
    """Divide by the number of images, whatever it is."""
    if a.input.dim() == 4 and not a.images:
        os.kill(os.getpid(), signal.SIGFPE)
    return a.conv()
