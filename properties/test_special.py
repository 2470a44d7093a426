"""Special values: infinities, NaN and zeros among the operands, and the ends of the range."""

from __future__ import annotations

from hypothesis import given

from properties.case import Case
from properties.placing import at_the_ends, specials
from properties.subject import Subject


@given(case=specials())
def test_special_values_reach_what_sees_them(conv2d: Subject, case: Case) -> None:
    """Infinities and NaN in an operand make those results NaN or infinite that see them, alone.

    By IEEE 754: NaN from a NaN, from infinity times zero and from infinities of both signs, else
    infinity with its sign. Every other element is the exact sum. Zeros in the data and padding may
    be multiplied or skipped, but not both ways in one result.
    """
    conv2d.check(case)


@given(case=at_the_ends())
def test_ends_of_the_range_lie_in_their_enclosures(conv2d: Subject, case: Case) -> None:
    """Output and gradients lie in their enclosures where they are tiny, huge or sums of +-0.

    Products, sums or operands are subnormal, operands are both tiny and huge, sums reach the
    overflow threshold or come back from below it. Exact zeros may have either sign: what IEEE 754
    makes of theirs depends on whether sums start from +0, which the definition leaves open.
    """
    conv2d.check(case)
