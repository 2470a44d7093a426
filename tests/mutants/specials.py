"""Right on finite numbers; NaN and infinities lost, or spread to where they do not belong."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.mutants.parts import Args, Tensor, conv2d_like


def _without_nan(t: Tensor) -> Tensor:
    return torch.nan_to_num(t, nan=0.0, posinf=torch.inf, neginf=-torch.inf)


@conv2d_like
def nan_weights_skipped(a: Args) -> Tensor:
    """Take a NaN in the weight for zero."""
    return a.conv(weight=_without_nan(a.weight))


@conv2d_like
def nan_inputs_skipped(a: Args) -> Tensor:
    """Take a NaN in the input for zero."""
    return a.conv(input=_without_nan(a.input))


@conv2d_like
def nan_results_cleared(a: Args) -> Tensor:
    """Return zero for NaN, as a maximum that prefers numbers does."""
    return _without_nan(a.conv())


@conv2d_like
def zero_weights_skipped(a: Args) -> Tensor:
    """Skip products with a zero weight, also that with an infinity."""
    x, w = a.input, a.weight
    if not x.is_floating_point() or bool((x.isfinite() | x.isnan()).all()):
        return a.conv()
    y = a.conv(input=torch.where(x.isinf(), torch.zeros_like(x), x))
    for sign in (1, -1):
        for large, of_that_sign in (
            (x == sign * torch.inf, w > 0),
            (x == -sign * torch.inf, w < 0),
        ):
            met = a.conv(input=large.to(x), weight=of_that_sign.to(w), bias=None)
            y = y + torch.where(met > 0, sign * torch.inf, 0.0)
    return y


@conv2d_like
def masked_padding_leaks(a: Args) -> Tensor:
    """Multiply by zero, in the right-hand padding, what starts the next row."""
    rows, (left, right) = a.pads
    if not right:
        return a.conv()
    tall = F.pad(a.input, (0, 0, *rows))
    following = F.pad(tall[..., 1:, :right], (0, 0, 0, 1))
    following = F.pad(following, (0, right - following.shape[-1])) * 0
    return a.conv(input=F.pad(torch.cat([tall, following], -1), (left, 0)), padding=(0, 0))


@conv2d_like
def tile_spreads_nan(a: Args) -> Tensor:
    """Spread a NaN or an infinity over the tile of 2x2 outputs of a 3x3 kernel at stride 1."""
    y = a.conv()
    if a.kernel != (3, 3) or a.stride != (1, 1) or a.dilation != (1, 1):
        return y
    height, width = y.shape[-2:]
    tiles = F.pad(y.detach() * 0, (0, width % 2, 0, height % 2))
    for axis in (-1, -2):
        even, odd = (
            tiles.index_select(axis, torch.arange(i, tiles.shape[axis], 2)) for i in (0, 1)
        )
        tiles = (even + odd).repeat_interleave(2, dim=axis)
    return y + tiles[..., :height, :width]


@conv2d_like
def overflow_saturates(a: Args) -> Tensor:
    """Return the largest finite number for an infinity."""
    y = a.conv()
    if not y.is_floating_point():
        return y
    largest = torch.finfo(y.dtype).max
    return y.clamp(-largest, largest)


@conv2d_like
def negative_infinity_cleared_in_float16(a: Args) -> Tensor:
    """Return zero for minus infinity in float16."""
    y = a.conv()
    if y.dtype != torch.float16:
        return y
    return torch.where(y == -torch.inf, torch.zeros_like(y), y)
