"""The exit status of a run: one number that a CI job may rely on, and the reasons for it.

`conclude` refines pytest's own status, whose numbers 2 and 4 stay what they are. A violation wins
over anything that was left out; what the user ended stays ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

Record = dict[str, Any]


class Status(IntEnum):
    """What a run ends with. The README lists these for CI owners."""

    VERIFIED = 0  # every property that was asked for saw cases, and none was violated
    VIOLATED = 1  # a violation; or a failed test beside the properties
    INTERRUPTED = 2  # by Ctrl-C or SIGTERM; the report holds what was found until then
    BROKEN = 3  # the suite itself: an exception in it, a lost process of it, no report written
    USAGE = 4  # an unknown option or device, an implementation that cannot be imported
    UNVERIFIED = 5  # nothing ran, a property saw no case, or a pair of levels was not reached

    def __str__(self) -> str:
        return _NAMES[self]


_NAMES = ("verified", "violations", "interrupted", "internal error", "usage error", "not verified")


# Calls that run out of memory are no sample of all: they are the larger ones. A property says what
# it does of all, so it may lose one in a hundred, and of fewer than a hundred none.
LOST = 100


@dataclass(frozen=True)
class Results:
    """How the items of a run ended.

    records  of the properties that ran or were skipped, as `Session.item` makes them
    lost     node ids of properties that ended without one: a process of the suite was lost
    failed   node ids of failed tests beside the properties
    passed   number of passed ones
    unended  texts of violations that were seen in items which did not end
    planned  number of properties that were to run, where this process ran them itself
    """

    records: Sequence[Record] = ()
    lost: Sequence[str] = ()
    failed: Sequence[str] = ()
    passed: int = 0
    unended: Sequence[str] = ()
    planned: int = 0


@dataclass(frozen=True)
class Outcome:
    """A status, and a sentence for each thing that keeps it from 0."""

    status: Status
    reasons: list[str] = field(default_factory=list)


def conclude(status: int, results: Results, stopped: bool = False, strict: bool = False) -> Outcome:
    """Return the outcome of a run that pytest would end with `status`.

    `stopped` says that pytest ended it at the number of failures that it was asked to stop at:
    under xdist it calls that an interruption. `strict` counts a known defect that is no longer
    there as a violation.
    """
    records = results.records
    violations = [f"violation: {r['violation']['title']}" for r in records if "violation" in r]
    violations += [f"violation, not shrunk: {text}" for text in results.unended]
    violations += [f"failed: {name}" for name in results.failed]
    if strict:
        fixed = (i for r in records for i, state in r["defects"].items() if state == "FIXED")
        violations += [f"known defect {i} is FIXED: take it off the list" for i in fixed]
    broken = [f"ended without a result: {name}" for name in results.lost]
    broken += [f"{subject_of(r)}: {r['broken']}" for r in records if "broken" in r]
    broken += [f"an error of the suite: {subject_of(r)}" for r in records if _is_broken(r)]
    unverified = [f"{subject_of(r)}: {r['unverified']}" for r in records if "unverified" in r]
    if not any(r["cases"] for r in records) and (records or not results.passed):
        unverified.append("no property saw a case: nothing was verified")
    reasons = violations + broken + unverified
    if status == Status.VERIFIED and len(records) + len(results.lost) < results.planned:
        status = Status.INTERRUPTED  # by a signal that came while pytest dealt with another
    if status == Status.INTERRUPTED and not (stopped and violations):
        return Outcome(Status.INTERRUPTED, ["the run was interrupted", *reasons])
    if status in (Status.BROKEN, Status.USAGE):
        return Outcome(Status(status), [f"pytest ended with an {Status.BROKEN}", *reasons])
    if violations:
        return Outcome(Status.VIOLATED, reasons)
    if broken:
        return Outcome(Status.BROKEN, reasons)
    if unverified:
        return Outcome(Status.UNVERIFIED, reasons)
    # What is left is not about a property: a threshold of another plugin, say.
    return Outcome(Status(status) if status in set(Status) else Status.VIOLATED)


def unreported(outcome: Outcome, error: OSError) -> Outcome:
    """Return the outcome of a run whose report could not be written: what was green is not."""
    reasons = [*outcome.reasons, f"report.json could not be written: {error}"]
    return Outcome(outcome.status or Status.BROKEN, reasons)


def _is_broken(record: Record) -> bool:
    return record["outcome"] == "failed" and not {"violation", "unverified"} & record.keys()


def short_of_memory(cases: int, inconclusive: int) -> str:
    """Return why a property is not verified that lost so many cases to a device without memory.

    Empty if it is: they are no more than one in `LOST`.
    """
    if LOST * inconclusive <= cases + inconclusive:
        return ""
    whole = cases + inconclusive
    return (
        f"{inconclusive} of {whole} cases ran out of memory, even alone: give it more "
        "(no other program on the device, fewer workers by -n, a smaller --conv2d-large)"
    )


def titled(name: str) -> str:
    """Return the name of a property as a person reads it."""
    return name.removeprefix("test_").replace("_", " ")


def subject_of(record: Record) -> str:
    """Return which property of which implementation a record or violation is about."""
    return f"{titled(record['property'])} ({record['target']})"
