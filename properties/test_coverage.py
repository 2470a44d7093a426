"""Every pair of levels, by design: a covering array in place of luck."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import given, seed
from hypothesis import strategies as st

from properties.case import Case
from properties.composition import compose
from properties.coverage import covered
from properties.covering import Covering, Row, covering
from properties.domain import Domain, active
from properties.drafts import VALUES
from properties.implementation import inherent
from properties.profiles import DEFAULT, PROFILES
from properties.search import Unverified
from properties.subject import Subject
from properties.violations import Violation

EXAMPLES = 200  # of the search for a plainer call beside a row that violates
_ARRAYS: dict[tuple[object, ...], Covering] = {}


def test_every_pair_of_levels(conv2d: Subject) -> None:
    """Whatever two levels of its factors a call has, its results lie in their enclosures.

    Factors are kernel, stride, padding, dilation, groups, extents, channels, batch, bias, dtype,
    data, passes, mode, and the layout of each operand; every pair that a call can have is run.
    """
    array = _array(conv2d)
    run: list[Case] = []
    right: list[Case] = []  # all but those that met a known defect
    try:
        for row in conv2d.shard.part(array.rows):
            lost, met = conv2d.search.inconclusive, conv2d.search.known.total()
            _run(conv2d, row)
            run += [row.case] * (conv2d.search.inconclusive == lost)
            right += run[-1:] * (conv2d.search.known.total() == met)
    finally:
        hit = array.hit(run)
        if left := len(hit) - len(array.hit(right)):
            text = f"{left} of the pairs of levels are in calls that meet known defects alone"
            conv2d.search.notes.append(text)
        conv2d.search.cells = (len(hit), len(array.planned))
        conv2d.search.coverage = covered(array.planned, hit)
    if array.missing and not conv2d.search.over():
        raise Unverified(f"no call was found for {array.missing}")
    if conv2d.search.inconclusive and conv2d.shard.whole and len(hit) < len(array.planned):
        short = f"{len(hit)} of {len(array.planned)} pairs of levels were judged"
        raise Unverified(f"{short}; out of memory: {conv2d.search.inconclusive} calls")


def _array(conv2d: Subject) -> Covering:
    """Return the array for a subject; the same one for subjects of the same kind."""
    whole = conv2d.domain == inherent(Domain(), conv2d.implementation, conv2d.runner.form)
    key = (str(conv2d.domain), whole, *(defect.id for defect in conv2d.defects))
    if key not in _ARRAYS:
        _ARRAYS[key] = covering(conv2d.domain, whole)
    return _ARRAYS[key]


def _run(conv2d: Subject, row: Row) -> None:
    try:
        conv2d.trial({"case": row.case}, partial(conv2d.check, row.case))
    except Violation:
        _search_beside(conv2d, row.choices)
        raise


def _search_beside(conv2d: Subject, choices: Sequence[tuple[str, Any]]) -> None:
    """Search among the calls between a row and the plainest one; raise what Hypothesis ends with.

    Each choice is the row's or the plainest: what a violation does not need becomes plain.
    """

    @seed(0)
    @PROFILES[DEFAULT].settings(EXAMPLES)
    @given(case=beside(choices))
    def search(case: Case) -> None:
        conv2d.trial({"case": case}, lambda: conv2d.check(case))

    search()


@st.composite
def beside(draw: st.DrawFn, choices: Sequence[tuple[str, Any]]) -> Case:
    """Return a strategy for calls whose every choice is the plainest or one that was recorded."""
    left: dict[str, list[Any]] = {}
    for choice, option in choices:
        left.setdefault(choice, []).append(option)

    def choose(choice: str, options: tuple[Any, ...]) -> Any:
        recorded = left[choice].pop(0) if left.get(choice) else options[0]
        both = (options[0], recorded) if recorded in options[1:] else options[:1]
        return draw(st.sampled_from(tuple(dict.fromkeys(both))))

    return compose(choose, active(), tuple(VALUES))
