"""Hypothesis strategies for calls inside the active domain.

Every draw is `sampled_from` of fewer than 100 items, plainest first: shrinking walks towards the
plainest call, and the same seed gives the same calls in every installation (other strategies of
Hypothesis mix constants of local modules into their draws).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from properties.case import Case
from properties.composition import Choose, compose, seed_from
from properties.domain import OutOfDomain, active
from properties.drafts import VALUES
from properties.feasibility import left_by_mode

Draw = st.DrawFn
GRAD_MODES = ("eager", "eager", "eager", "no_grad", "eval")


@cache
def among(choice: str, options: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """Return a strategy for one of the options of a choice.

    The name keeps Hypothesis from taking two choices of the same options for one: after each
    example it would copy what one became to the other, five times, and try nothing else.
    """
    return st.sampled_from([(choice, option) for option in options]).map(itemgetter(1))


@st.composite
def either(draw: Draw, first: st.SearchStrategy[Case], second: st.SearchStrategy[Case]) -> Case:
    """Return a strategy that draws from one or the other; `second` where `first` is outside."""
    if not draw(st.booleans()):
        with suppress(OutOfDomain):
            return draw(first)
    return draw(second)


@st.composite
def cases(
    draw: Draw,
    /,
    values: Sequence[str] = tuple(VALUES),
    derived: Mapping[str, str] = MappingProxyType({}),
    derivative: str = "first",
    **only: Sequence[str],
) -> Case:
    """Return a strategy for calls inside the active domain.

    `only` narrows factors of `properties.domain.FACTORS` to some of their levels, `values` the
    kinds of data; `derived` names levels that the property's further calls need, `derivative` the
    derivative along directions that is asked for. Raises `OutOfDomain` where the domain lacks them.
    Shrinks towards a 1x1 kernel on one pixel with small integers.
    """
    return _case(draw, "", values, {"derivatives": derivative, **derived}, only, derivative)


@st.composite
def other_cases(
    draw: Draw, /, values: Sequence[str] = tuple(VALUES), **only: Sequence[str]
) -> Case:
    """Return a strategy for calls beside one of `cases`, and not alike to Hypothesis (`among`)."""
    return _case(draw, "other", values, {}, only)


def _case(
    draw: Draw,
    part: str,
    values: Sequence[str],
    derived: Mapping[str, str],
    only: Mapping[str, Sequence[str]],
    derivative: str = "first",
) -> Case:
    for factor, needed in derived.items():
        active().within(**{factor: (needed,)})
    domain = active().within(**{"mode": ("eager",), **only})
    return compose(_chooser(draw, part), domain, tuple(values), derivative)


def grad_modes() -> tuple[str, ...]:
    """Return the modes of training and of inference in the domain, or the plain one."""
    left = left_by_mode(active())
    return tuple(mode for mode in GRAD_MODES if mode in left) or GRAD_MODES[:1]


@st.composite
def seeds(draw: Draw) -> int:
    """Return seeds of values, as two small draws."""
    return seed_from(_chooser(draw, "alone"))


@st.composite
def several_seeds(draw: Draw, count: int) -> tuple[int, ...]:
    """Return so many seeds at once; none is taken for another."""
    return tuple(seed_from(_chooser(draw, str(number))) for number in range(count))


def _chooser(draw: Draw, part: str) -> Choose:
    return lambda choice, options: draw(among(f"{choice} {part}", options))
