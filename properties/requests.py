"""What the worker is told of a call: a description, and the operands as they lie in memory."""

from __future__ import annotations

import numpy as np

from properties.case import Case, Tensor
from properties.dtypes import DTYPES
from properties.layouts import NEGATED, VIEWS, in_memory
from properties.wire import Buffer, Header


def encode(case: Case) -> tuple[Header, list[Buffer]]:
    """Return the request's description of a call, and its operands as they lie in memory."""
    header: Header = {
        "tensors": [describe(name, tensor, case.dtype) for name, tensor in case.tensors.items()],
        "params": case.arguments,
        "gradients": case.gradients,
        "derivative": case.derivative,
        "between": (),
        "mode": case.mode,
    }
    return header, [storage(case, name) for name in case.tensors]


def storage(case: Case, name: str) -> bytes:
    """Return the bytes of an operand as its layout has them in memory."""
    array, layout = case.arrays[name], case.tensors[name].layout
    if layout in VIEWS:
        array = -array if layout in NEGATED else np.conj(array)
    return in_memory(DTYPES[case.dtype].to_stored(array), layout)


def describe(name: str, tensor: Tensor, dtype: str) -> Header:
    """Return what the worker is told of an operand beside its bytes."""
    placement = tensor.placement
    plain = {"name": name, "shape": tensor.shape, "strides": placement.strides, "dtype": dtype}
    where = {"offset": placement.offset, "shift": placement.shift, "view": placement.view}
    return {**plain, **where}
