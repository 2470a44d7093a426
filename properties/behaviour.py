"""How a violation comes back in fresh processes: always, after the calls before it, or by chance.

A call that fails alone in every fresh process is deterministic. One that passes alone and fails
after other calls depends on history: those of its example, or all that its process had made, of
which the fewest that still lead to it are kept. One that fails in some processes is flaky.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from properties import violations as v
from properties.losses import Inconclusive
from properties.replay import TIMES, recheck
from properties.steps import Step, check_of, steps_of
from properties.subject import Subject

REPEATS = 5
# For fewer calls, each try of which costs a process: of the first of a kind, and of further ones.
MAX_SECONDS, MIN_SECONDS = 30.0, 5.0

Attempt = Callable[[], v.Violation | None]  # in a fresh process


@dataclass(frozen=True)
class Behaviour:
    """`shown` of `processes` fresh processes showed the violation."""

    name: str
    shown: int
    processes: int

    def __str__(self) -> str:
        return f"{self.shown} of {self.processes} fresh processes: {self.name}"


def classify(violation: v.Violation, subject: Subject, most: int) -> tuple[v.Violation, Behaviour]:
    """Tell how a violation behaves, asking up to `most` processes the same.

    Returns the violation with the check that shows it best.
    """
    if violation.check["kind"] not in ("call", "sequence"):
        shown = _count(lambda: _again(subject, violation), most)
        return violation, _of_all(shown, most)
    alone = _attempt(subject, (Step(violation.case),))
    found = alone()
    if found is not None:
        shown = 1 + _count(alone, most - 1)
        if violation.check["kind"] == "sequence":
            violation = _adopted(found, violation, {"kind": "call"})
        return violation, _of_all(shown, most)
    for steps in _histories(violation):
        led = _attempt(subject, steps)
        if led() is None:
            continue
        shown = 1 + _count(led, most - 1)
        if shown < most:
            return violation, Behaviour("flaky", shown, most)
        needed = _fewest(subject, steps, MAX_SECONDS if most > 1 else MIN_SECONDS)
        return _after(needed, violation, subject), Behaviour("history-dependent", shown, most)
    return violation, _of_all(_count(alone, most - 1), most)


def _of_all(shown: int, processes: int) -> Behaviour:
    name = "deterministic" if shown == processes else "flaky" if shown else "not repeated"
    return Behaviour(name, shown, processes)


def _count(attempt: Attempt, times: int) -> int:
    return sum(attempt() is not None for _ in range(times))


def _again(subject: Subject, violation: v.Violation) -> v.Violation | None:
    subject.runner.fresh()
    try:
        recheck(subject, violation.case, violation.check)
    except v.Violation as found:
        return found
    except Inconclusive:
        pass
    return None


def _attempt(subject: Subject, steps: Sequence[Step]) -> Attempt:
    """Return what makes the calls in a fresh process and tells what the last of them violates.

    It is checked wherever it is among them; the others are only made.
    """
    case = steps[-1].case

    def attempt() -> v.Violation | None:
        subject.runner.fresh()
        subject.runner.begin()
        for step in steps:
            try:
                subject.check(step) if step.case == case else subject.run(step)
            except v.Violation as found:
                return found if step.case == case else None
            except Inconclusive:
                return None
        return None

    return attempt


def _histories(violation: v.Violation) -> list[tuple[Step, ...]]:
    """Return the calls that may have led to it, the last of them its own, shortest first."""
    if violation.check["kind"] == "sequence":
        own = steps_of(violation.check)
    else:
        own = (Step(violation.case),) * TIMES
    histories = [own]
    for calls in (violation.example, violation.history):
        at = [i for i, step in enumerate(calls) if step.case == violation.case]
        if at:
            histories.append(calls[: at[-1] + 1])
    return histories


def _fewest(subject: Subject, steps: Sequence[Step], seconds: float) -> tuple[Step, ...]:
    """Drop calls that are not needed, in ever smaller pieces, while there is time."""
    *earlier, last = steps
    deadline = time.monotonic() + seconds
    size = len(earlier) // 2 or 1
    while size and len(earlier) > 1:
        for start in reversed(range(0, len(earlier), size)):
            fewer = [*earlier[:start], *earlier[start + size :]]
            if fewer and time.monotonic() < deadline and _attempt(subject, (*fewer, last))():
                earlier = fewer
        size //= 2
    return (*earlier, last)


def _after(steps: Sequence[Step], violation: v.Violation, subject: Subject) -> v.Violation:
    """Return the violation with the check that makes these calls again."""
    subject.runner.fresh()
    try:
        subject.check_sequence(steps)
    except v.Violation as found:
        return _adopted(found, violation, found.check)
    except Inconclusive:
        pass
    violation.check = check_of(steps)
    return violation


def _adopted(found: v.Violation, violation: v.Violation, check: dict[str, object]) -> v.Violation:
    """Return what was found with a check, or the violation itself where that is of another kind."""
    kept = found if found.kind == violation.kind else violation
    kept.check = check
    return kept
