"""The request `initial`: layers as their class builds them, before any parameter is set.

Runs in the worker process only, like `properties.execution`, and decides nothing.
"""

from __future__ import annotations

from typing import Any

import torch

from properties.execution import Executor
from properties.layers import PARAMETERS
from properties.operands import DTYPES
from properties.outputs import read_bytes
from properties.wire import Header

ATTRIBUTES = (
    *("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"),
    "padding_mode",
)


def initial(executor: Executor, request: Header) -> tuple[Header, list[bytes]]:
    """Build a layer after each of `request["seeds"]`; return attributes and parameters of all."""
    specs = {spec["name"]: spec for spec in request["tensors"] if spec["name"] in PARAMETERS}
    tensors = {
        name: torch.empty(spec["shape"], dtype=DTYPES[spec["dtype"]], device=executor.device)
        for name, spec in specs.items()
    }
    layers: list[Header] = []
    data: list[bytes] = []
    try:
        for seed in request["seeds"]:
            torch.manual_seed(seed)
            layer = executor.blueprint(request, tensors).fresh()
            entry: Header = {n: _plain(getattr(layer, n, None)) for n in ATTRIBUTES}
            for name in PARAMETERS:
                entry[name] = _described(getattr(layer, name, None), data)
            layers.append(entry)
        executor.synchronize()
    except BaseException as error:
        return executor.describe(error), []
    return {"layers": layers}, data


def _described(parameter: Any, data: list[bytes]) -> Any:
    if not isinstance(parameter, torch.Tensor):
        return None if parameter is None else repr(type(parameter))
    data.append(read_bytes(parameter))
    return {
        "shape": list(parameter.shape),
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "device": parameter.device.type,
        "learns": isinstance(parameter, torch.nn.Parameter) and parameter.requires_grad,
        "buffer": len(data) - 1,
    }


def _plain(value: Any) -> Any:
    """Return what JSON can hold of an attribute: numbers, text, and tuples of numbers."""
    if isinstance(value, tuple) and all(isinstance(item, int) for item in value):
        return list(value)
    return value if isinstance(value, int | str) else repr(value)
