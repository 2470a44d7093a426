"""Wrong bookkeeping of groups, bias, batch and the form of the result."""

from __future__ import annotations

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like


@conv2d_like
def groups_reversed(a: Args) -> Tensor:
    """Return the groups of output channels in reverse order."""
    y = a.conv()
    return torch.cat(y.chunk(a.groups, dim=-3)[::-1], dim=-3)


@conv2d_like
def later_images_use_first_group(a: Args) -> Tensor:
    """Apply the first group's weights to every group from the second image on."""
    if a.groups == 1 or a.images < 2:
        return a.conv()
    first = a.weight[: a.weight.shape[0] // a.groups].repeat(a.groups, 1, 1, 1)
    return torch.cat([a.conv(input=a.input[:1]), a.conv(input=a.input[1:], weight=first)])


@conv2d_like
def depthwise_multiplier_interleaved(a: Args) -> Tensor:
    """Order the outputs of a depthwise convolution by multiplier first, then by channel."""
    if a.weight.shape[1] != 1 or a.groups == 1:
        return a.conv()
    order = torch.arange(a.weight.shape[0], device=a.weight.device)
    return a.conv().index_select(-3, order.view(a.groups, -1).t().reshape(-1))


@conv2d_like
def last_group_reads_its_neighbour(a: Args) -> Tensor:
    """Feed the last of three or more groups the channels of the group before it."""
    if a.groups < 3:
        return a.conv()
    parts = a.input.chunk(a.groups, dim=-3)
    return a.conv(input=torch.cat([*parts[:-1], parts[-2]], dim=-3))


@conv2d_like
def bias_twice_when_padded(a: Args) -> Tensor:
    """Add the bias twice when there is padding."""
    y = a.conv()
    if a.bias is None or a.pads == ((0, 0), (0, 0)):
        return y
    return y + a.bias[:, None, None]


@conv2d_like
def bias_skipped_with_groups(a: Args) -> Tensor:
    """Add no bias when groups > 1."""
    return a.conv(bias=None) if a.groups > 1 else a.conv()


@conv2d_like
def bias_on_first_image_only(a: Args) -> Tensor:
    """Add the bias to the first image of a batch only."""
    if a.images < 2:
        return a.conv()
    return torch.cat([a.conv(input=a.input[:1]), a.conv(input=a.input[1:], bias=None)])


@conv2d_like
def bias_of_the_group(a: Args) -> Tensor:
    """Index the bias by group instead of by output channel."""
    if a.bias is None or a.groups == 1:
        return a.conv()
    index = torch.arange(a.bias.shape[0], device=a.bias.device)
    return a.conv(bias=a.bias[index // (a.bias.shape[0] // a.groups)])


@conv2d_like
def last_image_of_odd_batch(a: Args) -> Tensor:
    """Compute images in pairs: the last of an odd number (> 1) repeats the one before it."""
    y = a.conv()
    return torch.cat([y[:-1], y[-2:-1]]) if a.images > 1 and a.images % 2 else y


@conv2d_like
def fifth_image_repeats_first(a: Args) -> Tensor:
    """Index the images modulo four."""
    index = torch.arange(a.images, device=a.input.device) % 4
    return a.conv(input=a.input[index]) if a.images else a.conv()


@conv2d_like
def batch_mean_leaks(a: Args) -> Tensor:
    """Subtract 2**-10 of the mean over the images of a batch."""
    y = a.conv()
    return y - y.mean(0, keepdim=True) * 2.0**-10 if a.images > 1 else y


@conv2d_like
def unbatched_drops_last_channel(a: Args) -> Tensor:
    """Leave the last input channel out of an unbatched call."""
    keep = torch.ones_like(a.weight)
    if a.input.dim() == 3:
        keep[:, -1] = 0
    return a.conv(weight=a.weight * keep)


@conv2d_like
def unbatched_skips_bias(a: Args) -> Tensor:
    """Add no bias to an unbatched call."""
    return a.conv(bias=None) if a.input.dim() == 3 else a.conv()


@conv2d_like
def unbatched_returns_a_batch(a: Args) -> Tensor:
    """Return a batch of one for an unbatched input."""
    return a.conv().unsqueeze(0) if a.input.dim() == 3 else a.conv()


@conv2d_like
def batch_of_one_squeezed(a: Args) -> Tensor:
    """Drop the batch axis of a batch of one."""
    return a.conv().squeeze(0) if a.images == 1 else a.conv()


@conv2d_like
def doubles_returned_as_floats(a: Args) -> Tensor:
    """Return float32 for float64 operands."""
    return a.conv().float()


@conv2d_like
def pixel_output_flattened(a: Args) -> Tensor:
    """Drop the spatial axes of an output of one pixel."""
    y = a.conv()
    return y[..., 0, 0] if y.shape[-2:] == (1, 1) else y
