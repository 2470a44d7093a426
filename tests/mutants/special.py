"""Wrong handling of infinities, NaN, subnormal numbers and overflow: lost, or spread too far."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.mutants.parts import Args, Tensor, conv2d_like, detour, edited


def _without_nan(t: Tensor) -> Tensor:
    return torch.nan_to_num(t, nan=0.0, posinf=torch.inf, neginf=-torch.inf)


def _finite(t: Tensor) -> Tensor:
    """Return the tensor with zeros for infinities and NaN."""
    return torch.where(t.isfinite(), t, torch.zeros_like(t)).detach()


def _largest(t: Tensor) -> float:
    return torch.finfo(t.dtype).max


def _flushed(t: Tensor) -> Tensor:
    """Return the tensor with zeros for subnormal numbers."""
    least = torch.finfo(t.dtype).smallest_normal
    return torch.where(t.abs() < least, torch.zeros_like(t), t)


@conv2d_like
def clamp_drops_nan(a: Args) -> Tensor:
    """Raise the output to the least finite number by a maximum that prefers numbers to NaN."""
    y = a.conv()
    return detour(torch.fmax(y.detach(), torch.full_like(y, -torch.inf)), y)


@conv2d_like
def infinity_clipped(a: Args) -> Tensor:
    """Clip outputs to the largest finite number where an operand is infinite."""
    y = a.conv()
    if bool(a.input.isfinite().all() and a.weight.isfinite().all()):
        return y
    return detour(y.detach().clamp(-_largest(y), _largest(y)), y)


@conv2d_like
def infinity_loses_sign(a: Args) -> Tensor:
    """Return +inf in place of -inf."""
    y = a.conv()
    return detour(torch.where(y.isinf(), y.abs(), y), y)


@conv2d_like
def infinities_cancel(a: Args) -> Tensor:
    """Return infinity in place of the NaN that two infinities of opposite signs make."""
    y = a.conv()
    if bool((a.input.isnan()).any() or (a.weight.isnan()).any()):
        return y
    return detour(torch.where(y.isnan(), torch.full_like(y, torch.inf), y), y)


@conv2d_like
def zero_weights_skipped_in_even_channels(a: Args) -> Tensor:
    """Skip zero weights for every second output channel, and multiply by them for the others."""
    y = a.conv()
    seen = a.conv(
        input=(~a.input.isfinite()).to(y.dtype), weight=(a.weight != 0).to(y.dtype), bias=None
    )
    skipped = torch.where(seen > 0, y, a.conv(input=_finite(a.input)))
    even = torch.arange(y.shape[-3])[:, None, None] % 2 == 0
    return detour(torch.where(even & a.weight.isfinite().all(), skipped, y), y)


@conv2d_like
def nan_leaks_to_all_images(a: Args) -> Tensor:
    """Add zero times the sum of the whole input: a NaN reaches every image."""
    y = a.conv()
    return detour(y + 0.0 * a.input.sum(), y) if a.images > 1 else y


@conv2d_like
def nan_leaks_to_the_next_column(a: Args) -> Tensor:
    """Read one column too far to the left, times zero."""
    y = a.conv()
    return detour(y + 0.0 * a.conv(input=a.input.roll(1, -1), bias=None), y)


@conv2d_like
def nan_in_weight_gradient_is_zero(a: Args) -> Tensor:
    """Clear NaN in the gradient of the weight."""
    return a.conv(weight=edited(a.weight, lambda g: torch.where(g.isnan(), torch.zeros_like(g), g)))


@conv2d_like
def subnormals_flushed(a: Args) -> Tensor:
    """Flush subnormal operands and outputs of float32 to zero."""
    if a.input.dtype != torch.float32:
        return a.conv()
    y = a.conv()
    return detour(_flushed(a.conv(input=_flushed(a.input), weight=_flushed(a.weight))), y)


@conv2d_like
def gradients_flushed(a: Args) -> Tensor:
    """Flush subnormal numbers of the input's gradient in float32 to zero."""
    return a.conv(input=edited(a.input, _flushed)) if a.input.dtype == torch.float32 else a.conv()


@conv2d_like
def overflow_saturates(a: Args) -> Tensor:
    """Return the largest finite number in place of an overflow of finite operands."""
    y = a.conv()
    finite = a.input.isfinite().all() and a.weight.isfinite().all()
    if not finite or (a.bias is not None and not a.bias.isfinite().all()):
        return y
    return detour(y.detach().clamp(-_largest(y), _largest(y)), y)


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
def infinity_saturates(a: Args) -> Tensor:
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
