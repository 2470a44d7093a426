"""`Search`: the record of one test item while Hypothesis draws, fails, shrinks and repeats.

It counts what ran, keeps the digest of the inputs, remembers every violation when it is seen
(before Hypothesis has its say), and ends the search when its time is up: after that a call already
judged bad fails again from memory, and any other passes without running.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from properties.case import Case
from properties.losses import Inconclusive
from properties.outcome import short_of_memory
from properties.shares import ENDS, bin_of
from properties.steps import Calls, Step
from properties.violations import HangViolation, Violation

MAX_HANGS = 5
MAX_LOST = 5  # to a device without memory: beyond, each call may cost two processes in vain
GRACE = 1 / 6  # of the time for shrinking, that a spent budget leaves


class Unverified(Exception):
    """A property ran and can say nothing: it saw no case, or not all that it is to cover."""


class BudgetSpent(BaseException):
    """Time is up and nothing was found: leaves Hypothesis at once, and is not a failure."""


def example_key(drawn: Mapping[str, object]) -> str:
    """Return a text that identifies what was drawn."""
    return "|".join(
        f"{name}={value.key if isinstance(value, Case | Calls) else value!r}"
        for name, value in sorted(drawn.items())
    )


@dataclass
class Search:
    """State of one item. `deadline` and `shrink_seconds` are in seconds of `time.monotonic`.

    `seen` is called with the first violation, at once, `record` with the calls of each example.
    """

    deadline: float | None = None
    shrink_seconds: Callable[[str], float] = lambda kind: 30.0
    seen: Callable[[Violation], object] = lambda violation: None
    record: Callable[[Sequence[Case]], object] = lambda calls: None
    cases: int = 0
    used: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)  # of `used`, by dtype and result
    histogram: dict[str, list[int]] = field(default_factory=dict)  # of them all, by `ENDS`
    latest: dict[str, float] = field(default_factory=dict)  # the same, of the example at hand
    known: Counter[str] = field(default_factory=Counter)
    defects: dict[str, str] = field(default_factory=dict)  # known ones: there, or FIXED
    fast: int = 0  # results of a fast algorithm, where one is declared
    cells: tuple[int, int] = (0, 0)  # of a covering array: hit and planned
    coverage: dict[str, Any] = field(default_factory=dict)  # and which they are
    unlikely: int = 0  # elements beyond the probabilistic bound, on random data
    hangs: int = 0
    inconclusive: int = 0  # examples that the device had no memory for; none of `cases`
    seconds: float = 0.0
    steps: list[Step] = field(default_factory=list)  # of the example at hand
    notes: list[str] = field(default_factory=list)
    remembered: dict[str, Violation] = field(default_factory=dict)
    _passed: set[str] = field(default_factory=set)
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits over the inputs drawn so far, in order."""
        return self._digest.hexdigest()[:16]

    @property
    def violations(self) -> list[Violation]:
        """Every violation seen, in the order in which they were seen."""
        return list(self.remembered.values())

    @property
    def calls(self) -> list[Case]:
        """The calls of the example at hand, in order."""
        return [case for step in self.steps for case in step.calls]

    def trial(self, drawn: Mapping[str, object], body: Callable[[], object]) -> None:
        """Run one drawn example, unless the search is over and memory answers."""
        key = example_key(drawn)
        if key in self.remembered and self.over():
            raise self.remembered[key]
        if self.over():
            if not self.remembered:
                raise BudgetSpent
            return
        if key in self._passed:
            return  # several draws make the same call; it counts once
        if not self.remembered:
            self._digest.update(key.encode())
            self.cases += 1
        began = time.monotonic()
        self.steps.clear()
        self.latest.clear()
        try:
            body()
            self._passed.add(key)
        except Violation as violation:
            self._remember(key, violation)
            raise
        except Inconclusive:
            self._passed.add(key)
            if not self.remembered:
                self.cases -= 1
                self.inconclusive += 1
        finally:
            self.seconds += time.monotonic() - began
            self.record(self.calls)

    def note(self, used: float, what: str = "") -> None:
        """Record the share of the bound that a good result used."""
        self.used = max(self.used, used)
        if what:
            self.histogram.setdefault(what, [0] * len(ENDS))[bin_of(used)] += 1
            for shares in (self.shares, self.latest):
                shares[what] = max(shares.get(what, 0.0), used)

    def over(self) -> bool:
        """Tell whether no more calls are to be made."""
        late = self.deadline is not None and time.monotonic() > self.deadline
        in_vain = self.inconclusive > MAX_LOST and short_of_memory(self.cases, self.inconclusive)
        return late or self.hangs >= MAX_HANGS or bool(in_vain)

    def counts(self) -> dict[str, object]:
        """Return what was counted as plain data, for the report."""
        return {
            "cases": self.cases,
            "seconds": round(self.seconds, 3),
            "used": self.used,
            "shares": self.shares,
            "histogram": self.histogram,
            "digest": self.digest,
            "known": dict(self.known),
            "defects": self.defects,
            "notes": self.notes,
            "fast": self.fast,
            "cells": self.cells,
            "unlikely": self.unlikely,
            "inconclusive": self.inconclusive,
            **({"coverage": self.coverage} if self.coverage else {}),
        }

    def _remember(self, key: str, violation: Violation) -> None:
        if not self.remembered:
            # The first failure starts the clock for shrinking it; a budget leaves it a moment.
            now, wanted = time.monotonic(), self.shrink_seconds(violation.kind)
            left = wanted if self.deadline is None else max(self.deadline - now, GRACE * wanted)
            self.deadline = now + min(wanted, left)
            self.seen(violation)
        self.hangs += isinstance(violation, HangViolation)
        self.remembered[key] = violation
