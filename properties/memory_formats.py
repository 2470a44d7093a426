"""Which memory format torch takes strides for, and which one it documents for the output."""

from __future__ import annotations

from properties.case import Case
from properties.layouts import place
from properties.observation import Observation
from properties.tensors import Tensor
from properties.violations import FormatViolation

CHANNELS_LAST_ORDER = (1, 3, 2, 0)  # axes from the fastest to the slowest


def memory_levels(case: Case) -> dict[str, str]:
    """Return the level of a case in the factors of memory: layouts, and formats as torch sees."""
    operands = {name: getattr(case, name) for name in ("input", "weight", "bias", "grad_output")}
    layouts = {
        f"{name}_layout": "none" if tensor is None else tensor.effective_layout
        for name, tensor in operands.items()
    }
    nhwc = reads_as_channels_last(case.input) or reads_as_channels_last(case.weight)
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


def documented_format(case: Case) -> str:
    """Return the memory format of the output, "" where torch's documentation leaves it open.

    It is channels_last if the input or the weight is, and contiguous if both are (the tutorial
    "Channels Last Memory Format in PyTorch", and pytorch#82060). Extents of one make a tensor
    dense both ways: then nothing is said, unless its strides are those of a contiguous one.
    """
    operands = (case.input, case.weight)
    last = [tensor for tensor in operands if tensor.layout == "channels_last"]
    if any(not _is_dense(tensor, (3, 2, 1, 0)) for tensor in last):
        return "channels_last"
    return "" if last else "contiguous"


def require_format(observation: Observation) -> None:
    """Raise `FormatViolation` unless the output lies in memory as torch documents it."""
    case, found = observation.case, observation.strides["output"]
    name, shape = documented_format(case), case.output_shape
    wanted = place(shape, name).strides if name else found
    if any(n > 1 and a != b for n, a, b in zip(shape, found, wanted, strict=True)):
        title = f"the output has strides {found}; {name} memory has {wanted}"
        raise FormatViolation(title, case, check={"kind": "format", "strides": list(wanted)})


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
