"""Hypothesis strategies for calls inside the active domain.

Every draw is `sampled_from` of fewer than 100 items, plainest first: shrinking walks towards the
plainest call, and the same seed gives the same calls in every installation (other strategies of
Hypothesis mix constants of local modules into their draws).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from properties.case import Case
from properties.composition import compose, seed_from
from properties.domain import OutOfDomain, active
from properties.drafts import VALUES

Draw = st.DrawFn


@cache
def _among(options: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(options)


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
    for factor, needed in {"derivatives": derivative, **derived}.items():
        active().within(**{factor: (needed,)})
    domain = active().within(**{"mode": ("eager",), **only})
    return compose(lambda choice, options: draw(_among(options)), domain, tuple(values), derivative)


@st.composite
def seeds(draw: Draw) -> int:
    """Return seeds of values, as two small draws."""
    return seed_from(lambda choice, options: draw(_among(options)))
