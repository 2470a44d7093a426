"""What a known defect of a stock build is: its proof, its region, and what becomes of it.

`properties.stock` records those of torch.

A known defect never hides another one: inside its region every other kind of violation still
fails. Crashes and hangs are stepped round by construction (`Avoidance`), because each costs a
process; other kinds are run, counted and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from properties.case import Case
from properties.domain import passes_of
from properties.edits import edits
from properties.invalid import Invalid, check_of
from properties.levels import levels


@dataclass(frozen=True)
class Avoidance:
    """The least change of a drawn call that leaves a region."""

    min_height: int = 1
    min_width: int = 1

    def joined(self, other: Avoidance) -> Avoidance:
        """Return what leaves both regions."""
        height = max(self.min_height, other.min_height)
        return Avoidance(height, max(self.min_width, other.min_width))


@dataclass(frozen=True)
class KnownDefect:
    """A defect of a stock build.

    region    a conjunction: the levels (`properties.levels`) that each named factor may have
    upstream  address of the report; empty where there is none yet
    affected  facts of the worker that must match, each a prefix ("torch": "2.13")
    kind      the violation's kind (`properties.violations`)
    shows_as  further kinds under which the same defect comes to light
    case      one explicit call that shows it
    edits     names of edits; where there are any, the region is of invalid calls that have one
    avoid     how a generated call steps round the region; for crashes and hangs only; without
              it each call drawn there has a process of its own to end or to damage, which a
              region that few reach can bear
    forms     of implementations that it is met in: a mode may call a layer otherwise
    """

    id: str
    summary: str
    upstream: str
    affected: Mapping[str, str]
    region: Mapping[str, tuple[str, ...]]
    kind: str
    case: Mapping[str, Any]
    avoid: Avoidance | None = None
    shows_as: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    forms: tuple[str, ...] = ("function", "module")

    def affects(self, facts: Mapping[str, Any]) -> bool:
        """Tell whether a worker with these facts is one of the affected builds."""
        return all(
            str(facts.get(name, "")).startswith(value) for name, value in self.affected.items()
        )

    def covers(self, case: Case) -> bool:
        """Tell whether the call lies in the region."""
        plain = {"dtype": case.dtype, "passes": passes_of(case.gradients)}
        if any(level not in self.region.get(factor, (level,)) for factor, level in plain.items()):
            return False  # most calls; their other levels need not be found out
        found = levels(case)
        return all(found[factor] in allowed for factor, allowed in self.region.items())

    def harms(self, case: Case) -> bool:
        """Tell whether the process of this call is not to be trusted with another.

        What damages the heap may end it in any later call, or make that one fail.
        """
        return self.kind == "crash" and self.avoid is None and self.covers(case)

    def explains(self, calls: Iterable[Case], kind: str, names: Iterable[str] = ()) -> bool:
        """Tell whether a violation of this kind, which these calls led to, is the known one.

        `names` are those of the edits that made one of the calls invalid.
        """
        if self.edits and not set(self.edits) & set(names):
            return False
        return kind in (self.kind, *self.shows_as) and any(map(self.covers, calls))

    def checks(self, case: Case, form: str, device: str) -> list[dict[str, Any]]:
        """Return what to do with a call of the region, as `recheck` takes it, to see the defect."""
        if not self.edits:
            return [{"kind": "format" if self.kind == "format" else "call"}]
        found = [edit for edit in edits(case, form, device) if edit.name in self.edits]
        found.sort(key=lambda edit: self.edits.index(edit.name))
        return [check_of([Invalid(case, (edit,))]) for edit in found]


_ACTIVE: ContextVar[Sequence[KnownDefect]] = ContextVar("conv2d_known_defects", default=())


@contextmanager
def activated(defects: Sequence[KnownDefect]) -> Iterator[None]:
    """Let strategies step round these defects inside the block."""
    token = _ACTIVE.set(defects)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def crashes(case: Case) -> bool:
    """Tell whether the call lies in an active region that must be stepped round."""
    return any(d.avoid is not None and d.covers(case) for d in _ACTIVE.get())


def avoiding(assemble: Callable[[Avoidance], Case]) -> Case:
    """Return the assembled call, changed as little as leaves every active region."""
    avoid = Avoidance()
    case = assemble(avoid)
    for defect in _ACTIVE.get():
        if defect.avoid is not None and defect.covers(case):
            avoid = avoid.joined(defect.avoid)
            case = assemble(avoid)
    return case
