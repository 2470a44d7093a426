"""Calls one after another: each is what it would be if it were the only one."""

from __future__ import annotations

from hypothesis import given

from properties.sequences import sequences
from properties.steps import Calls
from properties.subject import Subject


@given(calls=sequences())
def test_sequences_of_calls(conv2d: Subject, calls: Calls) -> None:
    """Each of several calls gives what it gives alone, whatever the calls before it were.

    A call finds other values in the memory, the tensors and the layer of the one before it, as
    after an optimizer's step, or the same ones elsewhere; other calls come in between, also
    between its forward and its backward pass; an output that was returned is written to.
    """
    conv2d.check_sequence(calls.steps)
