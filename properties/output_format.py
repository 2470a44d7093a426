"""How the output of torch's own convolution lies in memory, by its documentation."""

from __future__ import annotations

from properties.case import Case
from properties.layouts import place
from properties.memory_formats import CONTIGUOUS_ORDER, as_batch, is_dense
from properties.observation import Observation
from properties.violations import FormatViolation


def documented_format(case: Case) -> str:
    """Return the memory format of the output, "" where torch's documentation leaves it open.

    It is channels_last if the input or the weight is, and contiguous if both are (the tutorial
    "Channels Last Memory Format in PyTorch", and pytorch#82060). Extents of one make a tensor
    dense both ways: then nothing is said, unless its strides are those of a contiguous one.
    """
    operands = (case.input, case.weight)
    last = [tensor for tensor in operands if tensor.layout == "channels_last"]
    if any(not is_dense(as_batch(tensor), CONTIGUOUS_ORDER) for tensor in last):
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
