"""What is kept from call to call, and not made anew when the operands change where they lie."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn

from tests.mutants.parts import Args, Pair, Tensor, conv2d_like

_plans: dict[tuple[object, ...], tuple[Pair, Pair]] = {}
_workspaces: dict[tuple[object, ...], Tensor] = {}
_turn = itertools.count()


@conv2d_like
def weight_packed_on_its_tensor(a: Args) -> Tensor:
    """Hang the packed weight on the tensor object, whose values may change."""
    weight: Any = a.weight
    if not hasattr(weight, "_packed"):
        weight._packed = a.weight.detach().clone()
    # The difference is zero; its gradient is the weight's.
    return a.conv(weight=weight._packed + (a.weight - a.weight.detach()))


@conv2d_like
def bias_packed_with_the_weight(a: Args) -> Tensor:
    """Pack the bias with the weight, and pack both again when the weight has changed alone."""
    weight: Any = a.weight
    if a.bias is None:
        return a.conv()
    if getattr(weight, "_packed", (-1,))[0] != weight._version:
        weight._packed = (weight._version, a.bias.detach().clone())
    return a.conv(bias=weight._packed[1] + (a.bias - a.bias.detach()))


@conv2d_like
def answer_kept_and_given_away(a: Args) -> Tensor:
    """Keep the answer to the same operands, the very tensor that the caller was given."""
    x: Any = a.input
    operands = [t for t in (a.input, a.weight, a.bias) if t is not None]
    rest = (a.stride, a.padding, a.dilation, a.groups)
    key = (*((id(t), t._version) for t in operands), *rest)
    if any(t.requires_grad for t in operands):
        return a.conv()
    if getattr(x, "_answer", (None,))[0] == key:
        return x._answer[1].clone()  # type: ignore[no-any-return]
    # The operands are kept alive, so that their identities stay their own.
    x._answer = (key, a.conv(), operands[1:])
    return x._answer[1]  # type: ignore[no-any-return]


@conv2d_like
def plan_kept_by_shape(a: Args) -> Tensor:
    """Use stride and dilation of the first call that had these shapes."""
    key = (a.input.shape, a.weight.shape, a.padding, a.groups)
    stride, dilation = _plans.setdefault(key, (a.stride, a.dilation))
    return a.conv(stride=stride, dilation=dilation)


@conv2d_like
def gradient_of_the_latest_input(a: Args) -> Tensor:
    """Keep the input for the gradient of the weight in a workspace that calls share."""
    if not a.weight.requires_grad:
        return a.conv()
    key = (a.input.shape, a.input.dtype)
    kept = _workspaces.setdefault(key, torch.empty_like(a.input.detach()))
    kept.data.copy_(a.input.detach())  # autograd is not told
    path = a.conv(input=kept, bias=None)
    return a.conv(weight=a.weight.detach()) + (path - path.detach())


@conv2d_like
def every_second_call_wrong(a: Args) -> Tensor:
    """Add one to every second output."""
    return a.conv() + next(_turn) % 2


class PacksOnce(nn.Conv2d):
    """Packs its weight on its first call."""

    packed: Tensor | None = None

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.packed is None:
            self.packed = weight.detach().clone()
        kept = self.packed + (weight - weight.detach())
        y: Tensor = super()._conv_forward(input, kept, bias)
        return y


class PacksForInference(nn.Conv2d):
    """Packs its weight on its first call without grad mode, for all later ones of these."""

    packed: Tensor | None = None

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not torch.is_grad_enabled():
            self.packed = weight.detach().clone() if self.packed is None else self.packed
            weight = self.packed
        y: Tensor = super()._conv_forward(input, weight, bias)
        return y
