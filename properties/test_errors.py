"""conv2d of what is no convolution: refused at once, with nothing done and nothing broken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from properties.case import Case
from properties.edits import chosen
from properties.refusal import require_refusals
from properties.strategies import cases, either, seeds
from properties.subject import Subject

FORWARD = ("forward",)
# A bias is one more thing to be wrong.
CALLS = either(cases(bias=("yes",), passes=FORWARD), cases(passes=FORWARD))
NUMBERS = st.tuples(seeds(), seeds(), seeds())


@given(case=CALLS, numbers=NUMBERS)
def test_invalid_calls_are_refused(
    conv2d: Subject, case: Case, numbers: tuple[int, int, int]
) -> None:
    """A call that the definition gives no value raises a documented exception, and that is all.

    A RuntimeError, ValueError, TypeError or, where memory would not do, MemoryError; of a module
    its constructor or its call. The operands are left alone, and the valid call that was made
    invalid, made next, is right. Since every device must refuse each, all refuse the same calls.
    """
    form, device = conv2d.runner.form, conv2d.implementation.device
    require_refusals(conv2d, chosen(case, form, device, numbers))
