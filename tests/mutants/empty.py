"""Right wherever there is something to sum; wrong on extents of zero."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.mutants.parts import Args, Tensor, conv2d_like


@conv2d_like
def no_images_give_one(a: Args) -> Tensor:
    """Return one image of zeros in place of none."""
    y = a.conv()
    if a.input.dim() != 4 or a.images:
        return y
    return torch.cat([y, y.new_zeros(1, *y.shape[1:])])


@conv2d_like
def no_channels_give_no_bias(a: Args) -> Tensor:
    """Return zeros, whatever the bias, where there are no input channels."""
    if a.input.shape[-3]:
        return a.conv()
    # Torch itself gives them another shape.
    one = [F.pad(t, (0, 0, 0, 0, 0, 1)) for t in (a.input, a.weight)]
    return a.conv(input=one[0], weight=one[1], bias=None)
