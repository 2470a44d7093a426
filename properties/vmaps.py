"""A call as the worker makes it, and `torch.vmap` over each of its arguments.

Runs in the worker process only, like `properties.execution`, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from properties.operands import Named


@dataclass(frozen=True)
class Call:
    """The operation as a function of its input, and how to bind it to another weight and bias."""

    operation: Any
    bind: Callable[[Named], Callable[[torch.Tensor], Any]]
    tensors: Named

    def bound(self, own: Named) -> Callable[[torch.Tensor], Any]:
        """Return the operation with other parameters; of a layer as `torch.func` would."""
        if not isinstance(self.operation, torch.nn.Module):
            return self.bind(own)
        return lambda x: torch.func.functional_call(self.operation, dict(own), (x,))

    def parameters(self) -> Named:
        """Return the weight, and the bias if there is one."""
        named = {name: self.tensors.get(name) for name in ("weight", "bias")}
        return {name: tensor for name, tensor in named.items() if tensor is not None}


def over_images(call: Call) -> Any:
    """Make one call per image."""
    return torch.vmap(call.operation)(call.tensors["input"])


def over_weights(call: Call) -> Any:
    """Make one call per output channel; of a layer or of groups, one with two equal weights."""
    image, own = call.tensors["input"], call.parameters()
    if isinstance(call.operation, torch.nn.Module) or own["weight"].shape[1] != image.shape[-3]:
        several = {n: t.unsqueeze(1).expand(-1, 2, *t.shape[1:]) for n, t in own.items()}
        return _halves(torch.vmap(lambda named: call.bound(named)(image), 1)(several))
    one = torch.vmap(lambda named: call.bound(named)(image))
    found = one({name: tensor.unsqueeze(1) for name, tensor in own.items()})
    return found.squeeze(-3).movedim(0, -3)


def over_biases(call: Call) -> Any:
    """Make one call with two biases, which are the same, and nothing else that is batched."""
    image, own = call.tensors["input"], call.parameters()
    one = torch.vmap(lambda bias: call.bound({**own, "bias": bias})(image))
    return _halves(one(own["bias"].expand(2, -1)))


def _halves(found: Any) -> Any:
    """Return of two equal results one half of the channels each."""
    half = found.shape[-3] // 2
    return torch.cat([found[0, ..., :half, :, :], found[1, ..., half:, :, :]], -3)


def over_everything(call: Call) -> Any:
    """Give each image a weight and a bias of its own, which are the same."""
    image, own = call.tensors["input"], call.parameters()
    several = {name: t.expand(len(image), *t.shape) for name, t in own.items()}
    return torch.vmap(lambda x, named: call.bound(named)(x))(image, several)
