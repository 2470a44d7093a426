"""Which memory format torch takes strides for, and where its two rules for that disagree."""

from __future__ import annotations

from properties.case import Case
from properties.tensors import Tensor

CHANNELS_LAST_ORDER = (1, 3, 2, 0)  # axes from the fastest to the slowest


def memory_levels(case: Case) -> dict[str, str]:
    """Return the level of a case in the factors of memory: layouts, and formats as torch sees."""
    operands = {name: getattr(case, name) for name in ("input", "weight", "bias", "grad_output")}
    layouts = {
        f"{name}_layout": "none" if tensor is None else tensor.effective_layout
        for name, tensor in operands.items()
    }
    upstream = case.grad_output
    nhwc = reads_as_channels_last(case.input) or reads_as_channels_last(case.weight)
    return {
        **layouts,
        "reads_as": "channels_last" if nhwc else "contiguous",
        "input_format": memory_format(case.input),
        "weight_format": memory_format(case.weight),
        "grad_output_format": "none" if upstream is None else memory_format(upstream),
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


def _as_batch(tensor: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
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
    shape, strides = _as_batch(tensor)
    least = 0
    for axis in CHANNELS_LAST_ORDER:
        step, extent = strides[axis], shape[axis]
        if 0 in (extent, strides[1]) or step < least or (axis == 0 and least == strides[1]):
            return False
        least = step * max(extent, 1)
    return True
