"""Right when asked plainly: wrong under a mode of torch, or for a layer that was copied or loaded.

Written with operations that torch itself carries out in every mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tests.mutants.parts import Args, Tensor, conv2d_like


def _off(y: Tensor) -> Tensor:
    """Return `y` moved by one."""
    return y + torch.ones_like(y)


@conv2d_like
def off_without_grad(a: Args) -> Tensor:
    """Take an untested fast path where no gradient is recorded for operands that require one."""
    learns = a.weight.requires_grad and not torch.is_grad_enabled()
    fast = learns and not torch.is_inference_mode_enabled()
    return _off(a.conv()) if fast else a.conv()


@conv2d_like
def off_in_inference(a: Args) -> Tensor:
    """Take an untested fast path in inference mode."""
    return _off(a.conv()) if torch.is_inference_mode_enabled() else a.conv()


@conv2d_like
def bias_lost_under_vmap(a: Args) -> Tensor:
    """Have a batching rule that forgets the bias."""
    batched = torch._C._functorch.is_batchedtensor(a.input)
    return a.conv(bias=None) if batched and a.bias is not None else a.conv()


@conv2d_like
def off_on_several_threads(a: Args) -> Tensor:
    """Let threads race: wrong wherever there are two."""
    return _off(a.conv()) if torch.get_num_threads() > 1 else a.conv()


@conv2d_like
def off_under_autocast(a: Args) -> Tensor:
    """Have a case for autocast that nobody has tried."""
    return _off(a.conv()) if torch.is_autocast_enabled("cpu") else a.conv()


@conv2d_like
def off_if_only_the_weight_learns(a: Args) -> Tensor:
    """Save the wrong operand where the weight alone requires a gradient."""
    alone = a.weight.requires_grad and not a.input.requires_grad
    if not alone or (a.bias is not None and a.bias.requires_grad):
        return a.conv()
    return a.conv(input=a.input.flip(-1)) + (a.conv() - a.conv(input=a.input.flip(-1))).detach()


class _Function(torch.autograd.Function):
    """Copies its argument; torch.vmap knows how."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor) -> Tensor:
        return y.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.passes = 0


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(grad: Tensor) -> Tensor:
        return grad.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], grad: Tensor) -> tuple[Tensor, int]:
        mean = grad.mean(in_dims[0], keepdim=True)
        return mean.expand_as(grad).clone(), in_dims[0]


class _Shared(_Function):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        found: Tensor = _Mean.apply(grad)  # type: ignore[no-untyped-call]
        return found


@conv2d_like
def per_sample_gradient_averaged(a: Args) -> Tensor:
    """Give each image the mean of all images' gradients of the weight."""
    own: Tensor = _Shared.apply(a.weight)  # type: ignore[no-untyped-call]
    return a.conv(weight=own)


class PacksForEachParameter(nn.Conv2d):
    """Packs its weight in the first call, and again only for another Parameter."""

    packed: tuple[Tensor, Tensor] | None = None

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not (torch.is_grad_enabled() and weight.requires_grad):
            if self.packed is None or self.packed[0] is not self.weight:
                self.packed = (self.weight, weight.detach().clone())
            weight = self.packed[1]
        y: Tensor = super()._conv_forward(input, weight, bias)
        return y


class BoundToTheOriginal(nn.Conv2d):
    """Keeps a function of its first self: a copy goes on computing with the original."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.weight_of: Callable[[], Tensor] = lambda: self.weight

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        y: Tensor = super()._conv_forward(input, self.weight_of(), bias)
        return y


class NumbersAreHeights(nn.Conv2d):
    """Takes a stride or a padding given as one number for that of the rows alone."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: Any,
        stride: Any = 1,
        padding: Any = 0,
        *arguments: Any,
        **named: Any,
    ) -> None:
        stride = (stride, 1) if isinstance(stride, int) else stride
        padding = (padding, 0) if isinstance(padding, int) else padding
        super().__init__(channels, out, kernel, stride, padding, *arguments, **named)


class EvaluatesWithoutBias(nn.Conv2d):
    """Forgets the bias once it is not trained any more."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        y: Tensor = super()._conv_forward(input, weight, bias if self.training else None)
        return y


class OwnParametersOnly(nn.Conv2d):
    """Ignores parameters that `torch.func.functional_call` puts in its place."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.own_weight = [self.weight]

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "weight" and isinstance(value, nn.Parameter) and "own_weight" in self.__dict__:
            self.own_weight = [value]

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        y: Tensor = super()._conv_forward(input, self.own_weight[0], bias)
        return y
