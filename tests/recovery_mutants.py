"""Convolutions whose outputs are right, or nearly so, and that only training finds out."""

from __future__ import annotations

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like, detour, edited


@conv2d_like
def decays(a: Args) -> Tensor:
    """Add 2**-8 times the weight to its gradient, as weight decay would: null parts shrink."""
    return a.conv(weight=edited(a.weight, lambda g: g + a.weight.detach() * 2.0**-8))


@conv2d_like
def forgets_the_first_tap(a: Args) -> Tensor:
    """Leave the first tap out of the weight's gradient."""
    kept = torch.ones_like(a.weight)
    kept[..., 0, 0] = 0
    return a.conv(weight=edited(a.weight, lambda g: g * kept))


@conv2d_like
def rounds_to_half(a: Args) -> Tensor:
    """Round the weight to float16 in the forward pass and pass the gradient through."""
    return a.conv(weight=detour(a.weight.half().to(a.weight.dtype), a.weight))


@conv2d_like
def diverges(a: Args) -> Tensor:
    """Return an infinite gradient."""
    return a.conv(weight=edited(a.weight, lambda g: g + torch.inf))


@conv2d_like
def broadcasts(a: Args) -> Tensor:
    """Return one output channel for all; a loss of it exists all the same."""
    return a.conv()[:, :1]


@conv2d_like
def writes_to_the_input(a: Args) -> Tensor:
    """Clear the last row of the input after the call."""
    result = a.conv(input=a.input.clone())
    a.input[..., -1, :] = 0
    return result


class Frozen(torch.nn.Conv2d):
    """Use a copy of the weight that no gradient reaches."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution with a weight that stays as it is."""
        weight = self.weight.detach() + self.weight * 0
        result: Tensor = self._conv_forward(input, weight, self.bias)
        return result
