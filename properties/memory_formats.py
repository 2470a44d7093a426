"""Which memory format torch takes strides for, and where its two rules for that disagree."""

from __future__ import annotations

from properties.case import Case
from properties.dtypes import DTYPES
from properties.tensors import Tensor

Axes = tuple[int, ...]
CHANNELS_LAST_ORDER = (1, 3, 2, 0)  # axes from the fastest to the slowest


def memory_levels(case: Case) -> dict[str, str]:
    """Return the level of a case in the factors of memory: layouts, and formats as torch sees."""
    operands = {name: getattr(case, name) for name in ("input", "weight", "bias", "grad_output")}
    layouts = {
        f"{name}_layout": "none" if tensor is None else tensor.effective_layout
        for name, tensor in operands.items()
    }
    factors = (case.input, case.weight)
    nhwc = any(map(reads_as_channels_last, factors))
    if DTYPES[case.dtype].kind == "complex":
        # Torch convolves the sum of the parts too, which is dense whatever they are.
        nhwc = nhwc or any(_reads_as_channels_last(*summed(tensor)) for tensor in factors)
    return {
        **layouts,
        "reads_as": "channels_last" if nhwc else "contiguous",
        "input_format": memory_format(case.input),
        "weight_format": memory_format(case.weight),
    }


def memory_format(tensor: Tensor) -> str:
    """Return "channels_last", "contiguous", or "both ways": dense as the one, read as the other.

    Whether a tensor is dense in channels_last does not depend on the strides of extents of one
    (`compute_channels_last_contiguous_2d` of c10/core/Contiguity.h); what it is read as does.
    """
    if reads_as_channels_last(tensor):
        return "channels_last"
    dense = _is_dense(tensor, CHANNELS_LAST_ORDER) and not _is_dense(tensor, (3, 2, 1, 0))
    return "both ways" if dense else "contiguous"


def _as_batch(tensor: Tensor) -> tuple[Axes, Axes]:
    """Return shape and strides, of an image alone those that `unsqueeze` gives its batch."""
    if len(tensor.shape) == 3:
        first = tensor.shape[0] * tensor.strides[0]
        return (1, *tensor.shape), (first, *tensor.strides)
    return tensor.shape, tensor.strides


def _is_dense(tensor: Tensor, order: tuple[int, ...]) -> bool:
    shape, strides = _as_batch(tensor)
    step = 1
    for axis in order:
        if shape[axis] != 1 and strides[axis] != step:
            return False
        step *= shape[axis]
    return True


def reads_as_channels_last(tensor: Tensor) -> bool:
    """Tell whether torch takes these strides for channels_last.

    The rule is `is_channels_last_strides_2d` of c10/core/MemoryFormat.h: strides that grow in the
    order C, W, H, N; where extents of 1 leave it open, contiguous wins.
    """
    if len(tensor.shape) < 3:
        return False
    return _reads_as_channels_last(*_as_batch(tensor))


def _reads_as_channels_last(shape: Axes, strides: Axes) -> bool:
    least = 0
    for axis in CHANNELS_LAST_ORDER:
        step, extent = strides[axis], shape[axis]
        if 0 in (extent, strides[1]) or step < least or (axis == 0 and least == strides[1]):
            return False
        least = step * max(extent, 1)
    return True


def summed(tensor: Tensor) -> tuple[Axes, Axes]:
    """Return shape and strides of the sum of a complex tensor's parts, which have gaps.

    As `TensorIteratorBase::reorder_dimensions` (aten/src/ATen/TensorIterator.cpp) orders the axes:
    by stride, of equal ones by extent, and those with a stride of 0 stay where they are.
    """
    shape, strides = _as_batch(tensor)
    order = [3, 2, 1, 0]  # from the fastest to the slowest
    for end in range(1, 4):
        for place in range(end, 0, -1):
            inner, outer = order[place - 1], order[place]
            if 0 in (strides[inner], strides[outer]):
                continue
            if (strides[inner], shape[inner]) <= (strides[outer], shape[outer]):
                break
            order[place - 1 : place + 1] = outer, inner
    dense, step = [0] * 4, 1
    for axis in order:
        dense[axis] = step
        step *= shape[axis]
    return shape, tuple(dense)
