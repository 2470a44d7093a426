"""The mutants against the gate's properties, in the gate's order, until the first violation."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from typing import Any

from hypothesis import seed

from properties.domain import Domain
from properties.dtypes import REAL
from properties.profiles import seed_of
from properties.subject import Subject
from tests.killing import (
    ACCIDENTS,
    Draws,
    Recycling,
    Test,
    gate,
    killed_by,
    subject_of,
)
from tests.mutants import Mutant
from tests.sharing import Shared, Sharing

Record = dict[str, Any]
Task = tuple[Mutant, int, Record | None]  # with the record of an earlier seed
# These compute every valid call as torch does: only a property of invalid calls can tell them.
VALID_AS_TORCH = "validation"
# These keep in their process what the next search must not find there.
KEEPING = ("state", "mode")
INVALID = "properties.test_errors"

_hunt: list[Hunt] = []


class Hunt:
    """Worker processes and prepared properties, to look for one mutant after another."""

    def __init__(self) -> None:
        self.workers = Recycling()
        self.properties = gate()
        self._draws = Draws(), -1  # those of one seed
        self._shared = Shared()
        self._passed: dict[tuple[str, str, int], int] = {}  # cases of what need not run again

    def find(self, mutant: Mutant, base: int, earlier: Record | None = None) -> Record:
        """Return what finds a mutant with the inputs of one seed; 0 is that of the gate.

        `cases` counts the different examples up to the first violation, over all properties that
        ran, `before` those of the properties that passed; `by` is None if there was no violation.
        Nothing is shrunk. What found the mutant with an `earlier` seed is asked first, counted
        behind as many cases as then; the others only if it passes.
        """
        if earlier is not None and earlier["by"] and not self._draws_by(earlier["by"]):
            return earlier  # the same calls for every seed
        began = time.monotonic()
        # Some are written with operations that torch lacks for complex numbers or integers.
        domain = Domain().within(dtype=REAL)
        subject = subject_of(
            mutant.target, self.workers, domain, kind=partial(Sharing, self._shared)
        )
        found: Record = {"by": None}
        if earlier is not None and earlier["by"]:
            found = self._search(subject, mutant, base, [earlier["by"]], earlier["before"])
        if not found["by"]:
            found = self._search(subject, mutant, base, self.properties)
        if mutant.klass in KEEPING:
            subject.runner.stop()
        subject.runner.close()
        return found | {"seconds": round(time.monotonic() - began, 1)}

    def _search(
        self, subject: Subject, mutant: Mutant, base: int, names: Iterable[str], before: int = 0
    ) -> Record:
        """Ask properties until one finds the mutant.

        One that has passed is not run again where it would make the same calls of a mutant that
        does the same in them.
        """
        draws = self._draws_of(base)
        for name in names:
            test = self.properties[name]
            same = _same(mutant, subject, test), name, base if self._draws_by(name) else 0
            if same in self._passed:
                before += self._passed[same]
                continue
            seed(seed_of(name, base))(test)
            violation = killed_by(subject, test, draws)
            cases = subject.search.cases
            if violation is not None and violation.kind not in {*ACCIDENTS} - {mutant.fatal}:
                found = {"by": name, "kind": violation.kind, "before": before}
                return {**found, "cases": before + cases}
            if violation is None:
                self._passed[same] = cases
            before += cases
        return {"by": None, "kind": None, "before": before, "cases": before}

    def _draws_by(self, name: str) -> bool:
        """Tell whether the calls of a property depend on the seed."""
        return hasattr(self.properties[name], "hypothesis")

    def _draws_of(self, base: int) -> Draws:
        """Return what is drawn with a seed; of an earlier one nothing is kept."""
        if self._draws[1] != base:
            self._draws = Draws(), base
            self._shared.traces.clear()
        return self._draws[0]


def _same(mutant: Mutant, subject: Subject, test: Test) -> str:
    """Return a text that two mutants share which do the same in all calls of a property."""
    valid_calls = test.__module__ != INVALID
    return repr(subject.domain) if mutant.klass == VALID_AS_TORCH and valid_calls else mutant.name


def run(tasks: Iterable[Task], jobs: int) -> Iterator[tuple[Mutant, int, Record]]:
    """Yield mutant, seed and what was found, as it comes, from so many processes."""
    if jobs == 1:
        hunt = Hunt()
        for mutant, base, earlier in tasks:
            yield mutant, base, hunt.find(mutant, base, earlier)
        hunt.workers.close()
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = {pool.submit(_find, *task): task for task in tasks}
        for future in as_completed(waiting):
            mutant, base, _ = waiting[future]
            yield mutant, base, future.result()


def _find(mutant: Mutant, base: int, earlier: Record | None) -> Record:
    if not _hunt:
        _hunt.append(Hunt())
    return _hunt[0].find(mutant, base, earlier)
