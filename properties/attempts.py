"""The request `refuse`: an invalid call is made, and how it ended is reported.

Runs in the worker process only, like `properties.execution`, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from properties.execution import Executor
from properties.operands import DTYPES, Operands
from properties.wire import Header


def attempt(executor: Executor, request: Header, buffers: Sequence[memoryview]) -> Header:
    """Make the call; tell the classes of the exception that it raised, or what it returned."""
    operands = Operands(request["tensors"], buffers, executor.device)
    tensors: dict[str, Any] = dict(operands.tensors)
    for name, device in request["devices"].items():
        tensors[name] = tensors[name].to(device)
    tensors |= request["values"]
    arguments = {name: _tupled(value) for name, value in request["params"].items()}
    try:
        if executor.is_module:
            returned = _by_module(executor, tensors, arguments, DTYPES[request["dtype"]])
        else:
            returned = _by_function(executor, tensors, arguments)
        executor.synchronize()
        reply: Header = {"answered": _described(returned)}
    except BaseException as error:
        described = executor.describe(error)
        if "device_lost" in described:
            return described
        classes = [f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__]
        reply = {"raised": classes, "text": next(iter(described.values()))}
    return {**reply, "changed": operands.changed()}


def _by_function(executor: Executor, tensors: dict[str, Any], a: Header) -> Any:
    rest = a["stride"], a["padding"], a["dilation"], a["groups"]
    return executor.target(tensors["input"], tensors["weight"], tensors.get("bias"), *rest)


def _by_module(
    executor: Executor, tensors: dict[str, Any], arguments: Header, dtype: torch.dtype
) -> Any:
    """Construct the layer, give it weight and bias, and call it."""
    weight, bias = tensors["weight"], tensors.get("bias")
    more = {"bias": bias is not None, "device": executor.device, "dtype": dtype}
    layer = executor.target(**arguments, **more)
    layer.weight = torch.nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        layer.bias = torch.nn.Parameter(bias, requires_grad=False)
    return layer(tensors["input"])


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def _described(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}, {value.dtype}, on {value.device}"
    return f"a {type(value).__name__}"
