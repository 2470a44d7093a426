r"""The operator Conv of ONNX, by onnxruntime on the CPU.

Forward only. A model is made for each set of attributes; its extents are free. The command:

    pytest properties --conv2d-impl tests.outside.onnx_conv:conv2d \
        --conv2d-only "dtype=float32 passes=forward derivatives=first" \
        --conv2d-only "mode!=vmap-input|vmap-weight|vmap-all|compile|compile-inductor"
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, TensorProto, helper

from tests.outside.arguments import Geometry, checked

Tensor = torch.Tensor
Array = np.ndarray[Any, Any]
Session = Callable[[list[Array]], Array]
ONLY = (
    # Conv of onnxruntime's CPU provider is of float32 alone.
    "dtype=float32",
    "passes=forward",
    "derivatives=first",
    # ONNX takes arrays: no batched tensor of torch.vmap, nothing to trace.
    "mode!=vmap-input|vmap-weight|vmap-all|compile|compile-inductor",
)
NAMES = ("input", "weight", "bias")


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *arguments: Any) -> Tensor:
    """Take the arguments of `F.conv2d`, by position."""
    return computed(_by_runtime, x, weight, bias, *arguments)


def computed(
    session: Callable[[Geometry, int], Session],
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *arguments: Any,
) -> Tensor:
    """Return the output of a session of this call and so many operands."""
    call, images = checked(x, weight, bias, *arguments)
    operands = [images, weight, *([] if bias is None else [bias])]
    arrays = [t.detach().resolve_neg().contiguous().numpy() for t in operands]
    y = torch.from_numpy(session(call, len(arrays))(arrays))
    return y if x.dim() == 4 else y[0]


def model(call: Geometry, operands: int) -> ModelProto:
    """Return a graph of one Conv with so many operands."""
    (top, bottom), (left, right) = call.pads
    node = helper.make_node(
        "Conv",
        NAMES[:operands],
        ["output"],
        strides=call.stride,
        pads=(top, left, bottom, right),
        dilations=call.dilation,
        group=call.groups,
    )
    ranks = {"input": 4, "weight": 4, "bias": 1, "output": 4}
    free = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)
        for name, rank in ranks.items()
    }
    graph = helper.make_graph(
        [node], "conv", [free[name] for name in NAMES[:operands]], [free["output"]]
    )
    opset = [helper.make_opsetid("", 22)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


@lru_cache(maxsize=256)
def _by_runtime(call: Geometry, operands: int) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = model(call, operands).SerializeToString()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda arrays: session.run(None, dict(zip(NAMES, arrays, strict=False)))[0]
