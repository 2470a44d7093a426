"""What a call owes besides the value: inputs left alone, memory of its own, the same bits."""

from __future__ import annotations

from hypothesis import given

from properties.case import Case
from properties.domain import FACTORS, OutOfDomain
from properties.observation import described
from properties.output_format import require_format
from properties.strategies import cases, either, other_cases
from properties.subject import Subject
from properties.violations import NondeterminismViolation


@given(case=cases())
def test_inputs_are_unchanged(conv2d: Subject, case: Case) -> None:
    """No byte of input, weight, bias or grad_output is another after the call, nor any beside."""
    conv2d.run(case)


@given(
    case=cases(
        layout=("contiguous", "channels_last"),
        batch=tuple(level for level in FACTORS["batch"] if level not in ("0", "unbatched")),
        padding_mode=("zeros",),
        passes=("forward",),
    )
)
def test_output_has_the_memory_format_of_its_operands(conv2d: Subject, case: Case) -> None:
    """The output is channels_last if the input or the weight is, and contiguous if both are.

    Torch documents it of its own convolution, and says nothing where extents of one leave open what
    an operand is. Other padding modes hand on what their padding returns; on CUDA it depends on the
    library that is asked. Neither is checked.
    """
    if not conv2d.implementation.keeps_format:
        raise OutOfDomain("memory formats are a claim of torch's own convolution on the CPU")
    require_format(conv2d.run(case))


# Calls that a kernel may answer with its own input.
IDENTITY = cases(
    values=("ones weight", "integers"),
    kernel=("1x1",),
    stride=("1",),
    padding=("0", "valid"),
    groups=("1", "depthwise"),
    bias=("no",),
)


@given(case=either(IDENTITY, cases()))
def test_output_owns_its_memory(conv2d: Subject, case: Case) -> None:
    """No byte of the output lies in an operand's storage or in an output returned before.

    And nobody writes to it after the call has returned.
    """
    conv2d.run(case)
    conv2d.run(case)
    conv2d.run(case.forward())


@given(case=cases(), other=other_cases(passes=("forward",)))
def test_same_call_gives_same_bits(conv2d: Subject, case: Case, other: Case) -> None:
    """The same call, made again at once and after another one, returns the same bits."""
    first, second = conv2d.run(case), conv2d.run(case)
    conv2d.run(other)
    third = conv2d.run(case)
    for name, raw in first.raw.items():
        if conv2d.may_vary(case, name):
            continue
        if not raw == second.raw[name] == third.raw[name]:
            title = f"{described(name)} has other bits when the same call is made again"
            raise NondeterminismViolation(title, case, check={"kind": "repeat"})
