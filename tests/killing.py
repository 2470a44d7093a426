"""Runs single properties against single implementations, without pytest in between."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import signature
from pathlib import Path
from typing import Any

import properties
from properties import known
from properties.child import Child
from properties.domain import Domain, OutOfDomain, activated
from properties.implementation import Implementation, inherent
from properties.profiles import DEFAULT, PROFILES, prepare, turn_of
from properties.rows import builtin
from properties.runner import Runner
from properties.search import Search
from properties.spares import Spares
from properties.stock import stock_defects
from properties.subject import Subject
from properties.violations import Violation
from tests.sharing import Sharing

Test = Callable[..., None]
# Violations by which a mutant ends beside its defect: what it is written with failed.
ACCIDENTS = ("crash", "exit", "hang", "declined")


class Recycling(Spares):
    """Hands a worker from one trusted implementation to the next, to save importing torch."""

    def __init__(self) -> None:
        super().__init__()
        self._used: list[Child] = []

    def take(self, device: str, memory: int) -> Child:
        """Return a used worker, or else a new one."""
        for child in self._used:
            if (child.device, child.memory) == (device, memory):
                self._used.remove(child)
                return child
        return super().take(device, memory)

    def leave(self, child: Child) -> None:
        """Keep the worker of a runner that is done."""
        self._used.append(child)

    @property
    def own(self) -> set[int]:
        """The processes of the workers that wait here."""
        waiting = [*self._used, *self._waiting.values()]
        return {process.pid for child in waiting for process in (child.process, child.guard)}

    def close(self) -> None:
        """End every worker."""
        for child in self._used:
            child.end()
        super().close()


def gate() -> dict[str, Test]:
    """Return every property by name, ready to run, in the gate's order; known defects are none."""
    found: dict[str, Test] = {}
    for path in sorted(Path(properties.__file__).parent.glob("test_*.py")):
        if path.stem == "test_known_defects":
            continue
        for name, test in vars(importlib.import_module(f"properties.{path.stem}")).items():
            if name.startswith("test_") and next(iter(signature(test).parameters)) == "conv2d":
                if hasattr(test, "hypothesis"):
                    prepare(test, PROFILES[DEFAULT], 0)
                found[name] = test
    return dict(sorted(found.items(), key=lambda item: turn_of(item[0])))


def subject_of(
    target: str,
    spares: Spares,
    domain: Domain | None = None,
    device: str = "cpu",
    own: bool = False,
    kind: Callable[..., Subject] = Subject,
) -> Subject:
    """Return a started subject; torch's claims and known defects are its own: it calls torch."""
    implementation = Implementation(target, device, own=own)
    runner = Runner(implementation, spares)
    facts = runner.start()
    implementation = replace(implementation, rows=builtin(device, facts), keeps_format=True)
    domain = inherent(domain or Domain(), implementation, runner.form)
    return kind(implementation, runner, domain, stock_defects(facts))


class Found(BaseException):
    """The first violation was seen: leaves Hypothesis at once, which would go on looking."""


@dataclass
class Drawn:
    """The examples of a property that were drawn so far, in order, and whether they are all."""

    examples: list[Mapping[str, object]] = field(default_factory=list)
    whole: bool = False


@dataclass
class First(Search):
    """Ends at the first violation, with nothing shrunk; keeps in `kept` what is drawn."""

    kept: Drawn | None = None
    drawn: int = 0

    def trial(self, drawn: Mapping[str, object], body: Callable[[], object]) -> None:
        """Run one drawn example; raise Found where it violates."""
        self.drawn += 1
        if self.kept is not None and self.drawn > len(self.kept.examples):
            self.kept.examples.append(drawn)
        try:
            super().trial(drawn, body)
        except Violation as violation:
            raise Found from violation


class Draws:
    """Examples that are drawn once, and run for one implementation after another.

    What Hypothesis draws up to the first violation is a function of the property, its seed, the
    domain and the known defects. The seed of a property must stay as it is.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], Drawn] = {}

    def run(self, subject: Subject, search: First, test: Any) -> None:
        """Run a property of which Hypothesis draws what no earlier implementation came to."""
        defects = tuple(defect.id for defect in subject.defects)
        kept = self._kept.setdefault((test, repr(subject.domain), defects), Drawn())
        for drawn in kept.examples:
            test.hypothesis.inner_test(conv2d=subject, **drawn)
        if not kept.whole:
            search.kept, search.drawn = kept, 0  # draws again, without a call, what has passed
            test(conv2d=subject)
            kept.whole = True


def killed_by(subject: Subject, test: Any, draws: Draws | None = None) -> Violation | None:
    """Return the first violation that the property finds, unshrunk, or None."""
    search = subject.search = First()
    if isinstance(subject, Sharing):
        subject.test = test
    try:
        with activated(subject.domain), known.activated(subject.defects):
            if draws is not None and hasattr(test, "hypothesis"):
                draws.run(subject, search, test)
            else:
                test(conv2d=subject)
    except (OutOfDomain, Found):
        pass
    return search.violations[0] if search.violations else None
