"""conv2d of what is no convolution: refused at once, with nothing done and nothing broken."""

from __future__ import annotations

from functools import partial

from hypothesis import given

from properties.case import Case
from properties.domain import active
from properties.edits import chosen, edits
from properties.invalid import Invalid
from properties.pins import plainest
from properties.refusal import require_refusals
from properties.strategies import cases, either, several_seeds
from properties.subject import Subject

FORWARD = ("forward",)
# A bias is one more thing to be wrong.
CALLS = either(cases(bias=("yes",), passes=FORWARD), cases(passes=FORWARD))
NUMBERS = several_seeds(3)
# Levels of the calls that every edit is made of: 3x3 outputs leave room for less padding.
SQUARE = {"kernel": "square", "output_width": "3", "output_height": "3", "bias": "yes"}
EDITED = (
    SQUARE,
    SQUARE | {"groups": "2", "in_channels": "4 to 9"},
    SQUARE | {"stride": "2", "padding": "1"},
    SQUARE | {"stride": "1", "padding": "same", "dtype": "float64"},
    SQUARE | {"dilation": "2", "batch": "unbatched"},
    SQUARE | {"padding_mode": "reflect", "padding": "1"},
    {"bias": "no"},
)


def test_every_way_to_be_invalid_is_refused(conv2d: Subject) -> None:
    """Of a few plain calls each edit that makes them invalid raises a documented exception.

    One by one: a stride, padding or dilation that is zero, negative, huge, of another length or
    type; operands of another rank, extent, dtype or device, or no tensors; a number of groups.
    """
    form, device = conv2d.runner.form, conv2d.implementation.device
    domain = active().within(mode=("eager",), passes=FORWARD)
    for levels in EDITED:
        case = plainest(domain, levels)
        for edit in edits(case, form, device):
            call = Invalid(case, (edit,))
            conv2d.trial(
                {"call": str(call), "case": case}, partial(require_refusals, conv2d, [call])
            )


@given(case=CALLS, numbers=NUMBERS)
def test_invalid_calls_are_refused(conv2d: Subject, case: Case, numbers: tuple[int, ...]) -> None:
    """A call that the definition gives no value raises a documented exception, and that is all.

    A RuntimeError, ValueError, TypeError or, where memory would not do, MemoryError; of a module
    its constructor or its call. The operands are left alone, and the valid call that was made
    invalid, made next, is right. Since every device must refuse each, all refuse the same calls.
    """
    form, device = conv2d.runner.form, conv2d.implementation.device
    require_refusals(conv2d, chosen(case, form, device, numbers))
