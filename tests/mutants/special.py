"""Wrong handling of infinities, NaN, subnormal numbers and overflow."""

from __future__ import annotations

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like, detour, edited


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
def nan_in_input_is_zero(a: Args) -> Tensor:
    """Take NaN in the input for zero."""
    return a.conv(input=detour(a.input.nan_to_num(posinf=torch.inf, neginf=-torch.inf), a.input))


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
