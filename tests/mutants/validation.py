"""Right on every valid call; one kind of invalid call is accepted and answered."""

from __future__ import annotations

import torch.nn.functional as F

from tests.mutants.parts import Args, Tensor, conv2d_like


@conv2d_like
def zero_dilation_accepted(a: Args) -> Tensor:
    """Read the same element for all taps if the dilation is zero."""
    if min(a.dilation) != 0:
        return a.conv()
    dims = [axis - 2 for axis in (0, 1) if a.dilation[axis] == 0]
    total = a.weight.sum(dims, keepdim=True)
    dilation = (max(a.dilation[0], 1), max(a.dilation[1], 1))
    return a.conv(weight=total, dilation=dilation)


@conv2d_like
def long_bias_cut(a: Args) -> Tensor:
    """Read as much of a bias that is too long as there are outputs."""
    if a.bias is None or a.bias.numel() <= a.weight.shape[0]:
        return a.conv()
    return a.conv(bias=a.bias[: a.weight.shape[0]])


@conv2d_like
def indivisible_outputs_cut(a: Args) -> Tensor:
    """Leave out the output channels beyond the last whole group."""
    groups, outputs = a.groups, a.weight.shape[0]
    if groups < 1 or outputs < groups or outputs % groups == 0:
        return a.conv()
    whole = outputs // groups * groups
    bias = None if a.bias is None else a.bias[:whole]
    return a.conv(weight=a.weight[:whole], bias=bias)


@conv2d_like
def weight_channels_cut(a: Args) -> Tensor:
    """Read as many channels of a weight with too many as the input has."""
    wanted = a.input.shape[-3] // max(a.groups, 1)
    return a.conv() if a.weight.shape[1] <= wanted else a.conv(weight=a.weight[:, :wanted])


@conv2d_like
def large_kernel_gives_nothing(a: Args) -> Tensor:
    """Return an empty output if the kernel is larger than the padded input."""
    if isinstance(a.padding, str) or min(*a.padding, *a.dilation) < 0:
        return a.conv()
    (top, bottom), (left, right) = a.pads
    height, width = a.input.shape[-2:]
    if height + top + bottom >= a.reach[0] and width + left + right >= a.reach[1]:
        return a.conv()
    return a.input.new_empty(*a.input.shape[:-3], a.weight.shape[0], 0, 0)


@conv2d_like
def negative_padding_crops(a: Args) -> Tensor:
    """Cut rows and columns off where the padding is negative."""
    if isinstance(a.padding, str) or min(a.padding) >= 0:
        return a.conv()
    (h, w) = a.padding
    return a.conv(input=F.pad(a.input, (w, w, h, h)), padding=(0, 0))


@conv2d_like
def no_groups_taken_for_one(a: Args) -> Tensor:
    """Take groups=0 for groups=1."""
    return a.conv(groups=1) if a.groups == 0 else a.conv()
