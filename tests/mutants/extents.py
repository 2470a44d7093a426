"""Kernels that are right on every small call and wrong where an extent is large."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.mutants.parts import Args, conv2d_like

WRAP = 1 << 17
ROWS, TILE, LONG, CHANNELS = 4096, 64, 1 << 16, 512


@conv2d_like
def flat_index_wraps(a: Args) -> Tensor:
    """Keep 17 bits of the flat index of an output, as real kernels keep 31 or 32."""
    y = a.conv()
    if y.numel() <= WRAP:
        return y
    return y.reshape(-1)[torch.arange(y.numel()) % WRAP].reshape(y.shape)


@conv2d_like
def rows_past_4096_doubled(a: Args) -> Tensor:
    """Add the products of a row from the 4097th on twice."""
    y = a.conv()
    return torch.cat([y[..., :ROWS, :], 2 * y[..., ROWS:, :]], -2)


@conv2d_like
def last_tile_of_a_long_row(a: Args) -> Tensor:
    """Leave the last tile of 64 columns unwritten in rows of more than 2^16."""
    y = a.conv()
    width = y.shape[-1]
    if width <= LONG:
        return y
    end = (width - 1) // TILE * TILE
    return torch.cat([y[..., :end], torch.zeros_like(y[..., end:])], -1)


@conv2d_like
def channel_index_of_nine_bits(a: Args) -> Tensor:
    """Compute output channels from the 513th on with the weights of the first ones."""
    y = a.conv()
    if y.shape[-3] <= CHANNELS:
        return y
    return y.index_select(-3, torch.arange(y.shape[-3]) % CHANNELS)
