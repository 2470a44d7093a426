"""`Search`: what is counted, what is remembered, and when the search is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest

from properties.case import Case, Tensor
from properties.search import GRACE, MAX_HANGS, BudgetSpent, Search
from properties.values import Recipe
from properties.violations import HangViolation, ShapeViolation, ValueViolation, Violation


def call(seed: int) -> Case:
    """Return one of many calls."""
    return Case(Tensor((1, 1, 2, 2), Recipe("normal", seed)), Tensor((1, 1, 1, 1), Recipe("ones")))


def passes() -> None:
    """Stand for a property that holds."""


def never() -> None:
    """Stand for a call that must not be made."""
    raise AssertionError("the call was made")


def fails(seed: int, kind: type[Violation] = ValueViolation) -> Callable[[], None]:
    """Return a property that is violated by the call of this seed."""

    def body() -> None:
        raise kind(f"seed {seed}", call(seed))

    return body


def trial(search: Search, seed: int, body: Callable[[], None]) -> None:
    """Run one drawn example."""
    search.trial({"case": call(seed)}, body)


def test_cases_and_time_are_counted() -> None:
    """Every example that runs counts, with the seconds that it took."""
    search = Search()
    trial(search, 0, passes)
    trial(search, 1, lambda: time.sleep(0.02))
    assert search.cases == 2
    assert search.seconds >= 0.02
    assert search.violations == []
    assert not search.over()


def test_a_violation_is_remembered_when_it_is_seen() -> None:
    """A violation goes on to Hypothesis and stays in the record, in the order of discovery."""
    search = Search()
    for seed, kind in ((3, ValueViolation), (1, ShapeViolation)):
        with pytest.raises(kind):
            trial(search, seed, fails(seed, kind))
    assert [(v.kind, v.title) for v in search.violations] == [
        ("value", "seed 3"),
        ("shape", "seed 1"),
    ]


def test_other_exceptions_are_not_remembered() -> None:
    """An error of the suite itself passes through and is no violation."""
    search = Search()
    with pytest.raises(AssertionError, match="the call was made"):
        trial(search, 0, never)
    assert search.violations == []


def test_what_shrinking_repeats_is_not_counted() -> None:
    """Cases and digest stop at the first violation: how much is shrunk differs by machine."""
    search = Search()
    trial(search, 0, passes)
    with pytest.raises(ValueViolation):
        trial(search, 1, fails(1))
    cases, digest = search.cases, search.digest
    trial(search, 2, passes)
    assert (search.cases, search.digest) == (cases, digest) == (2, digest)


def test_after_the_deadline_memory_answers() -> None:
    """A remembered case fails again without a call; any other passes without one."""
    search = Search()
    with pytest.raises(ValueViolation) as first:
        trial(search, 1, fails(1))
    search.deadline = time.monotonic() - 1.0
    with pytest.raises(ValueViolation) as again:
        trial(search, 1, never)
    assert again.value is first.value
    trial(search, 2, never)


def test_a_call_that_passed_counts_once() -> None:
    """Several draws make the same call: it runs once, and enters counts and digest once."""
    search = Search()
    trial(search, 0, passes)
    digest = search.digest
    trial(search, 0, never)
    assert (search.cases, search.digest) == (1, digest)


def test_before_the_deadline_a_remembered_case_runs_again() -> None:
    """While there is time nothing is answered from memory: a flaky call may pass."""
    search = Search()
    with pytest.raises(ValueViolation):
        trial(search, 1, fails(1))
    trial(search, 1, passes)


def test_budget_spent_without_a_violation() -> None:
    """Past the deadline with nothing found the search leaves Hypothesis, which catches no such."""
    search = Search(deadline=time.monotonic() - 1.0)
    with pytest.raises(BudgetSpent):
        trial(search, 0, never)
    assert search.cases == 0
    assert not issubclass(BudgetSpent, Exception)


def test_the_first_violation_starts_the_clock_of_shrinking() -> None:
    """The deadline moves to now + shrink_seconds(kind), or to a nearer one, but for a grace."""
    asked: list[str] = []

    def seconds(kind: str) -> float:
        asked.append(kind)
        return 50.0

    for deadline, expected in ((None, 50.0), (5.0, 50.0 * GRACE), (30.0, 30.0), (90.0, 50.0)):
        now = time.monotonic()
        search = Search(None if deadline is None else now + deadline, seconds)
        for seed in (1, 2):
            with pytest.raises(ShapeViolation):
                trial(search, seed, fails(seed, ShapeViolation))
        assert search.deadline is not None
        assert now + expected <= search.deadline <= time.monotonic() + expected
    assert asked == ["shape"] * 4


def test_hangs_end_the_search() -> None:
    """After five hangs nothing new is called; each remembered hang still fails, at no cost."""
    search = Search()
    for seed in range(MAX_HANGS):
        assert not search.over()
        with pytest.raises(HangViolation):
            trial(search, seed, fails(seed, HangViolation))
    assert search.over()
    trial(search, 99, never)
    with pytest.raises(HangViolation, match="seed 3"):
        trial(search, 3, never)


def test_the_digest_depends_on_order_and_on_every_argument() -> None:
    """The digest is that of the inputs in order: drawn cases by key, other arguments by value."""

    def digest(*drawn: Mapping[str, object]) -> str:
        search = Search()
        for arguments in drawn:
            search.trial(arguments, passes)
        return search.digest

    one, two = {"case": call(1)}, {"case": call(2)}
    assert digest(one, two) == digest(one, two)
    assert digest(one, two) != digest(two, one)
    with_k: dict[str, object] = {"case": call(1), "k": 3}
    assert digest(with_k) == digest({"k": 3, "case": call(1)})
    assert len({digest(one), digest(with_k), digest({**with_k, "k": 4}), digest()}) == 4


def test_the_record_is_plain_data() -> None:
    """The report's entry holds counts, seconds, the share of the bound, and the digest."""
    search = Search()
    trial(search, 0, passes)
    search.known["some-defect"] += 2
    search.used = 0.25
    record = search.counts()
    assert (record["cases"], record["used"], record["digest"]) == (1, 0.25, search.digest)
    assert record["known"] == {"some-defect": 2}
    assert len(search.digest) == 16
