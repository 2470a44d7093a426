"""How a layer comes to the parameters of a call: set, loaded, copied, pickled, converted.

Runs in the worker process only, like `properties.execution`, and decides nothing.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from properties.operands import Named

PARAMETERS = ("weight", "bias")


@dataclass(frozen=True)
class Blueprint:
    """A function or an nn.Module class and its arguments; `tensors` hold input, weight and bias."""

    target: Any
    sizes: tuple[Any, ...]  # in_channels, out_channels, kernel_size
    arguments: Mapping[str, Any]
    tensors: Named

    @property
    def parameters(self) -> Named:
        """The weight, and the bias if there is one."""
        named = {name: self.tensors.get(name) for name in PARAMETERS}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    def function(self) -> Callable[[torch.Tensor], Any]:
        """Return the target, which is a function, as one of its input."""
        weight, bias = self.tensors["weight"], self.tensors.get("bias")
        rest = [self.arguments[name] for name in ("stride", "padding", "dilation", "groups")]
        return lambda x: self.target(x, weight, bias, *rest)

    def fresh(self, dtype: torch.dtype | None = None) -> Any:
        """Return a layer with the parameters that its class draws."""
        return self.target(
            *self.sizes, **self.arguments, dtype=dtype or self.tensors["weight"].dtype
        )

    def filled(self) -> Any:
        """Return a layer whose parameters lie over the operands themselves."""
        return fill(self.fresh(), self.parameters)

    def used(self) -> Any:
        """Return a layer that has computed with other parameters, zeros."""
        zeros = {name: torch.zeros_like(tensor) for name, tensor in self.parameters.items()}
        layer = fill(self.fresh(), zeros)
        self.warm(layer)
        return layer

    def warm(self, layer: Any, dtype: torch.dtype | None = None) -> None:
        """Call a layer once, so that whatever it keeps is there."""
        with torch.no_grad():
            image = self.tensors["input"].detach()
            layer(image if dtype is None else image.to(dtype))


def fill(layer: Any, parameters: Named) -> Any:
    """Make these tensors the parameters of a layer."""
    for name, tensor in parameters.items():
        own = torch.nn.Parameter(tensor.detach(), requires_grad=tensor.requires_grad)
        setattr(layer, name, own)
    return layer


def _state_dict(plan: Blueprint) -> Any:
    layer = plan.used()
    layer.load_state_dict(plan.filled().state_dict())
    return layer


def _deepcopy(plan: Blueprint) -> Any:
    """Copy a layer, then give the copy the values: what still looks at the original shows."""
    twin = copy.deepcopy(plan.used())
    with torch.no_grad():
        for name, tensor in plan.parameters.items():
            getattr(twin, name).copy_(tensor)
    return twin


def _pickle(plan: Blueprint) -> Any:
    layer = plan.filled()
    plan.warm(layer)
    return pickle.loads(pickle.dumps(layer))


def _to_dtype(plan: Blueprint) -> Any:
    dtype = plan.tensors["weight"].dtype
    wide = torch.complex128 if dtype.is_complex else torch.float64
    values = {name: tensor.detach().to(wide) for name, tensor in plan.parameters.items()}
    layer = fill(plan.fresh(wide), values)
    plan.warm(layer, wide)
    return layer.to(dtype)


def _to_device(plan: Blueprint) -> Any:
    built = replace(plan, arguments={**plan.arguments, "device": "cpu"}).fresh()
    values = {name: tensor.detach().cpu() for name, tensor in plan.parameters.items()}
    return fill(built, values).to(plan.arguments["device"])


def _to_memory_format(plan: Blueprint) -> Any:
    values = {name: tensor.detach().contiguous() for name, tensor in plan.parameters.items()}
    return fill(plan.fresh(), values).to(memory_format=torch.channels_last)


def _lazy(plan: Blueprint) -> Any:
    dtype = plan.tensors["weight"].dtype
    arguments: dict[str, Any] = {**plan.arguments, "dtype": dtype}
    layer = torch.nn.LazyConv2d(*plan.sizes[1:], **arguments)
    plan.warm(layer)
    if layer.in_channels != plan.sizes[0]:
        raise AssertionError(f"inferred in_channels={layer.in_channels}, not {plan.sizes[0]}")
    return fill(layer, plan.parameters)


LAYERS: Mapping[str, Callable[[Blueprint], Any]] = {
    "functional_call": Blueprint.fresh,
    "eval": lambda plan: plan.filled().eval(),
    "state_dict": _state_dict,
    "deepcopy": _deepcopy,
    "pickle": _pickle,
    "to-dtype": _to_dtype,
    "to-device": _to_device,
    "to-memory_format": _to_memory_format,
    "lazy": _lazy,
}


def build(plan: Blueprint, mode: str) -> Any:
    """Return the layer of a call in this mode; what requires a gradient is as the operands say."""
    layer = LAYERS.get(mode, Blueprint.filled)(plan)
    for name, tensor in plan.parameters.items():
        getattr(layer, name).requires_grad_(tensor.requires_grad)
    return layer
