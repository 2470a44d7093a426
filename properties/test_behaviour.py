"""What a call owes besides the value: inputs left alone, memory of its own, the same bits."""

from __future__ import annotations

from hypothesis import given

from properties.case import Case
from properties.observation import described
from properties.strategies import cases, either, other_cases
from properties.subject import Subject
from properties.violations import NondeterminismViolation


@given(case=cases())
def test_inputs_are_unchanged(conv2d: Subject, case: Case) -> None:
    """No byte of input, weight, bias or grad_output is another after the call, nor any beside."""
    conv2d.run(case)


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
