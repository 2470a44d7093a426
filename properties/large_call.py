"""The request `large`: a call whose operands are expanded here and whose output stays here.

Runs in the worker process only, like `properties.execution`, and decides nothing.
"""

from __future__ import annotations

import torch

from properties.execution import Executor
from properties.expansion import expanded, picked
from properties.operands import DTYPES
from properties.outputs import read_bytes
from properties.wire import Header


def large(executor: Executor, request: Header) -> tuple[Header, list[bytes]]:
    """Make the call; return the output's form and its elements at `request["places"]`."""
    device, dtype = executor.device, DTYPES[request["dtype"]]
    data: list[bytes] = []
    try:
        specs = request["tensors"]
        tensors = {spec["name"]: expanded(torch, spec, dtype, device) for spec in specs}
        with torch.no_grad():
            output = executor.build(request, tensors)(tensors["input"])
        executor.synchronize()
        entry: Header = {"type": type(output).__name__}
        if type(output) is torch.Tensor and output.layout is torch.strided:
            entry |= {"shape": output.shape, "device": output.device.type}
            entry["dtype"] = str(output.dtype).removeprefix("torch.")
            if list(output.shape) == request["shape"] and output.dtype == dtype:
                data.append(read_bytes(picked(torch, output, request["places"])))
        return {"returned": entry}, data
    except BaseException as error:
        return executor.describe(error), []
    finally:
        tensors, output = {}, None
        if device.type == "cuda":
            torch.cuda.empty_cache()
