"""Wrong handling of memory: writes to operands, shared or unwritten outputs, strides ignored."""

from __future__ import annotations

import math

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like, misread

_buffers: dict[tuple[object, ...], Tensor] = {}
_ARENA_ELEMENTS = 1 << 20
_arena: dict[torch.dtype, tuple[Tensor, int]] = {}


@conv2d_like
def relu_in_place(a: Args) -> Tensor:
    """Clear the negative elements of its input after the call."""
    y = a.conv()
    a.input.detach().relu_()
    return y


@conv2d_like
def weight_left_flipped(a: Args) -> Tensor:
    """Flip the weight in place for the call's own use and leave it so."""
    y = a.conv()
    a.weight.detach().copy_(a.weight.detach().flip(-2, -1))
    return y


@conv2d_like
def bias_left_scaled(a: Args) -> Tensor:
    """Double the bias in place when the input is channels_last."""
    y = a.conv()
    if a.bias is not None and not a.input.is_contiguous():
        a.bias.detach().mul_(2.0)
    return y


@conv2d_like
def output_buffer_reused(a: Args) -> Tensor:
    """Return the same buffer for every inference call with an output of the same shape."""
    y = a.conv()
    if y.requires_grad:
        return y
    return _buffers.setdefault((y.shape, y.dtype), torch.empty_like(y)).copy_(y)


@conv2d_like
def outputs_in_one_arena(a: Args) -> Tensor:
    """Place the outputs of inference one after another in one buffer, from its start when full."""
    y = a.conv()
    if y.requires_grad or y.numel() > _ARENA_ELEMENTS:
        return y
    arena, used = _arena.get(y.dtype, (None, 0))
    if arena is None:
        arena = torch.empty(_ARENA_ELEMENTS, dtype=y.dtype)
    start = used if used + y.numel() <= _ARENA_ELEMENTS else 0
    _arena[y.dtype] = (arena, start + y.numel())
    return arena[start : start + y.numel()].view(y.shape).copy_(y)


@conv2d_like
def identity_returns_its_input(a: Args) -> Tensor:
    """Return the input itself for a depthwise 1x1 kernel of ones."""
    plain = a.kernel == (1, 1) and a.stride == (1, 1) and a.pads == ((0, 0), (0, 0))
    depthwise = a.weight.shape[0] == a.groups and a.weight.shape[1] == 1
    if plain and depthwise and a.bias is None and bool((a.weight == 1).all()):
        return a.input.view_as(a.input)
    return a.conv()


@conv2d_like
def pointwise_result_in_the_input(a: Args) -> Tensor:
    """Write the output of a 1x1 kernel with one channel over its input and return that."""
    y = a.conv()
    if a.weight.shape != (1, 1, 1, 1) or y.shape != a.input.shape or y.requires_grad:
        return y
    return a.input.copy_(y)


@conv2d_like
def last_tile_unwritten(a: Args) -> Tensor:
    """Write whole tiles of four columns only: what is left of a row stays as allocated."""
    y = a.conv()
    whole = y.shape[-1] // 4 * 4
    if whole in (0, y.shape[-1]):
        return y
    out = torch.empty_like(y)
    out[..., :whole] = y[..., :whole]
    return out


@conv2d_like
def padding_rows_unwritten(a: Args) -> Tensor:
    """Leave rows whose windows lie in the padding alone as they were allocated."""
    y = a.conv()
    hidden = [row for row in range(y.shape[-2]) if row * a.stride[0] + a.reach[0] <= a.pads[0][0]]
    if not hidden:
        return y
    out = torch.empty_like(y)
    out[..., len(hidden) :, :] = y[..., len(hidden) :, :]
    return out


@conv2d_like
def input_strides_ignored(a: Args) -> Tensor:
    """Read its input as if it were contiguous."""
    return a.conv(input=misread(a.input))


@conv2d_like
def weight_strides_ignored(a: Args) -> Tensor:
    """Read its weight as if it were contiguous."""
    return a.conv(weight=misread(a.weight))


@conv2d_like
def channels_last_misses_last_channel(a: Args) -> Tensor:
    """Drop the last of several input channels when the input is channels_last."""
    keep = torch.ones_like(a.weight)
    if a.weight.shape[1] > 1 and not a.input.is_contiguous():
        keep[:, -1] = 0
    return a.conv(weight=a.weight * keep)


@conv2d_like
def mixed_layouts_transposed(a: Args) -> Tensor:
    """Return rows and columns swapped in memory when only the weight is channels_last."""
    y = a.conv()
    if a.weight.is_contiguous() or not a.input.is_contiguous() or math.prod(y.shape) == 0:
        return y
    return y.mT.reshape(y.shape)
