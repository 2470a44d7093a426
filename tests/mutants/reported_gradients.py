"""Defects of real backends in gradients, re-created from reports."""

from __future__ import annotations

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like, detour, edited, fitted, misread
from tests.mutants.parts import packed_channels_last as channels_last


def _zero(path: Tensor) -> Tensor:
    """Return zeros whose gradient flows along `path`."""
    return detour(torch.zeros_like(path), path)


def _by_input(a: Args, path: Tensor) -> Tensor:
    """Return the right output; the input's gradient flows along `path`."""
    return a.conv(input=a.input.detach()) + _zero(path)


def _by_weight(a: Args, path: Tensor) -> Tensor:
    """Return the right output; the weight's gradient flows along `path`."""
    return a.conv(weight=a.weight.detach()) + _zero(path)


def _from_input(a: Args, **changes: object) -> Tensor:
    return a.conv(weight=a.weight.detach(), bias=None, **changes)


def _from_weight(a: Args, **changes: object) -> Tensor:
    return a.conv(input=a.input.detach(), bias=None, **changes)


@conv2d_like
def depthwise_grad_weight_misses_last_row(a: Args) -> Tensor:
    """Leave the last row of outputs out of the gradient of a depthwise kernel's last row."""
    depthwise = a.groups > 1 and a.weight.shape[1] == 1 and a.groups % 8 == 0
    if not depthwise or a.stride != (2, 2) or a.pads[0][0] == 0 or not a.remainder[0]:
        return a.conv()
    last = torch.zeros_like(a.weight)
    last[..., -1, :] = 1
    path = _from_weight(a)
    kept = torch.ones(path.shape[-2], 1)
    kept[-1] = 0
    of_last = a.conv(input=a.input.detach(), weight=a.weight * last, bias=None)
    return _by_weight(a, path - of_last * (1 - kept).to(path.dtype))


@conv2d_like
def grad_input_moved_by_the_remainder(a: Args) -> Tensor:
    """Place the input's gradient as if the stride divided the extents."""
    if a.remainder == (0, 0):
        return a.conv()
    return a.conv(input=edited(a.input, lambda g: g.roll(a.remainder, (-2, -1))))


@conv2d_like
def grad_weight_strided_groups_rotated(a: Args) -> Tensor:
    """Write each group's gradient to the next, of several channels each and with a stride."""
    if a.groups == 1 or a.weight.shape[1] == 1 or a.stride == (1, 1):
        return a.conv()
    return a.conv(weight=edited(a.weight, lambda g: g.roll(g.shape[0] // a.groups, 0)))


@conv2d_like
def grad_weight_of_one_row_without_stride(a: Args) -> Tensor:
    """Take the stride along an axis of extent 1 for 1 in the gradient of the weight."""
    height, width = a.input.shape[-2:]
    stride = 1 if height == 1 else a.stride[0], 1 if width == 1 else a.stride[1]
    if stride == a.stride:
        return a.conv()
    return _by_weight(a, fitted(_from_weight(a, stride=stride), a.conv()))


@conv2d_like
def grad_weight_of_no_images_unwritten(a: Args) -> Tensor:
    """Leave the weight's gradient as allocated if there is no image to sum over."""
    if a.input.dim() == 3 or a.images:
        return a.conv()
    return a.conv(weight=edited(a.weight, lambda g: torch.empty_like(g) + 1))


@conv2d_like
def grad_bias_of_channels_last_misread(a: Args) -> Tensor:
    """Sum a channels_last grad_output over the axes of a contiguous one, for the bias."""
    if a.bias is None:
        return a.conv()
    y = a.conv(bias=a.bias.detach())
    spread = a.bias[:, None, None].expand(y.shape)

    def read(g: Tensor) -> Tensor:
        return misread(g) if channels_last(g) and not g.is_contiguous() else g

    return y + _zero(edited(spread, read))


@conv2d_like
def grad_bias_halved_without_the_weights(a: Args) -> Tensor:
    """Return half of the bias's gradient unless the weight's is asked for, too."""
    if a.bias is None or a.weight.requires_grad:
        return a.conv()
    return a.conv(bias=edited(a.bias, lambda g: g * 0.5))


@conv2d_like
def grad_input_of_sixteen_channels_coarse(a: Args) -> Tensor:
    """Round the gradient from 16 channels to 16 to a grid, for a padded plain 3x3 kernel."""
    plain = a.kernel == (3, 3) and a.stride == a.dilation == (1, 1) and a.pads == ((1, 1), (1, 1))
    if not plain or a.weight.shape[:2] != (16, 16) or a.input.dtype != torch.float32:
        return a.conv()

    def coarse(g: Tensor) -> Tensor:
        far = g.abs().amax() * 2.0**12
        return (g + far) - far

    return a.conv(input=edited(a.input, coarse))


@conv2d_like
def grad_weight_not_square_rotated(a: Args) -> Tensor:
    """Rotate the columns of the weight's gradient unless image and kernel are square."""
    height, width = a.input.shape[-2:]
    if height == width and a.kernel[0] == a.kernel[1]:
        return a.conv()
    return a.conv(weight=edited(a.weight, lambda g: g.roll(1, -1)))


@conv2d_like
def grad_input_of_equal_strides(a: Args) -> Tensor:
    """Use stride_h along both axes in the gradient of the input."""
    if a.stride[0] == a.stride[1]:
        return a.conv()
    stride = a.stride[0], a.stride[0]
    return _by_input(a, fitted(_from_input(a, stride=stride), a.conv()))


@conv2d_like
def grad_input_same_ends_early(a: Args) -> Tensor:
    """Stop a row or column early in the input's gradient where 'same' pads its end by more."""
    (top, bottom), (left, right) = a.pads
    if (top, left) == (bottom, right):
        return a.conv()
    path = _from_input(a)
    keep = torch.ones(path.shape[-2:], dtype=path.dtype)
    if bottom > top:
        keep[-1] = 0
    if right > left:
        keep[:, -1] = 0
    return _by_input(a, path * keep)


@conv2d_like
def grad_weight_of_last_image(a: Args) -> Tensor:
    """Clear the weight's gradient before each image: only that of the last one remains."""
    if a.images < 2:
        return a.conv()
    rest = a.conv(input=a.input[:-1], weight=a.weight.detach())
    return torch.cat([rest, a.conv(input=a.input[-1:])])


@conv2d_like
def grad_weight_at_strides_past_two_flipped(a: Args) -> Tensor:
    """Flip the weight's gradient where a stride is neither 1 nor 2."""
    past = max(a.stride) > 2
    return a.conv(weight=edited(a.weight, lambda g: g.flip(-1))) if past else a.conv()


@conv2d_like
def grad_input_padded_by_the_height(a: Args) -> Tensor:
    """Pad the columns of the input's gradient by what the height of the output asks for."""
    y = a.conv()
    off = y.shape[-2] - y.shape[-1]
    return a.conv(input=edited(a.input, lambda g: g.roll(off, -1))) if off else y
