"""The request `train`: torch's own SGD runs through the implementation; every iterate is returned.

Runs in the worker process only, like `properties.execution`, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from properties.execution import Executor
from properties.operands import Named, Operands
from properties.outputs import read_bytes
from properties.wire import Header

TRAINED = ("weight", "bias")
HELD = ("input", "target")


def train(
    executor: Executor, request: Header, buffers: Sequence[memoryview]
) -> tuple[Header, list[bytes]]:
    """Descend from the weight and bias received, one step per entry of `request["schedule"]`.

    The buffers returned hold, for the weight and then for the bias, the iterates 0..T back to back;
    with momentum, the velocities after steps 1..T follow in the same order. A request `prepare`
    only has torch.optim import what it needs, which takes seconds the first time.
    """
    if request.get("prepare"):
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0).zero_grad()
        return {}, []
    operands = Operands(request["tensors"], buffers, executor.device)
    try:
        data = _descend(executor, request, dict(operands.tensors))
        executor.synchronize()
    except BaseException as error:
        return executor.describe(error), []
    # Training writes to weight and bias, as it should, and to nothing else.
    return {"changed": [name for name in operands.changed() if name in HELD]}, data


def _descend(executor: Executor, request: Header, tensors: Named) -> list[bytes]:
    names = [name for name in TRAINED if name in tensors]
    for name in names:
        tensors[name].requires_grad_()
    layer = executor.build(request, tensors)
    trained = [tensors[name] for name in names]
    # One tensor at a time and unfused: these are the roundings that the step enclosure counts.
    rate, momentum = request["lr"], request["momentum"]
    optimizer = torch.optim.SGD(trained, lr=rate, momentum=momentum, foreach=False, fused=False)
    iterates = [[read_bytes(tensor)] for tensor in trained]
    velocities: list[list[bytes]] = [[] for _ in trained]
    for start, stop in request["schedule"]:
        optimizer.zero_grad()
        output = layer(tensors["input"][start:stop])
        loss = _loss(output, tensors["target"][start:stop], request["reduction"])
        torch.autograd.backward(loss)
        optimizer.step()
        for index, tensor in enumerate(trained):
            iterates[index].append(read_bytes(tensor))
            velocities[index].append(_velocity(optimizer, tensor))
    history = [*iterates, *velocities] if momentum else iterates
    return [b"".join(parts) for parts in history]


def _loss(output: torch.Tensor, target: torch.Tensor, reduction: str) -> torch.Tensor:
    if output.shape != target.shape:
        # Broadcasting would make a loss of it all the same.
        raise ValueError(f"the output has shape {tuple(output.shape)}, not {tuple(target.shape)}")
    squares = (output - target).square()
    return squares.sum() if reduction == "sum" else squares.mean()


def _velocity(optimizer: torch.optim.SGD, tensor: torch.Tensor) -> bytes:
    buffer: Any = optimizer.state[tensor].get("momentum_buffer")
    return read_bytes(torch.zeros_like(tensor) if buffer is None else buffer)
