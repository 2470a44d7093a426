"""Check calls again: in a running session, or from files, in a fresh process."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from properties import violations as v
from properties.case import Case, Tensor
from properties.domain import Domain
from properties.implementation import Implementation
from properties.invalid import calls_of
from properties.losses import CannotStart, Inconclusive, NotLoadable
from properties.output_format import require_format
from properties.recording import read
from properties.refusal import require_refusals
from properties.relations import exactly
from properties.runner import Runner
from properties.spares import Spares
from properties.steps import steps_of
from properties.subject import Subject

FIXED, FAILED, CANNOT_RUN = 0, 1, 5
TIMES = 3
SCHEMA = 1
MOST = 1 << 28  # elements of a call: more would take the judge's own memory
# What a file may lead to that is no case, or is cut, or was changed by hand.
UNREADABLE = (
    *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
    *(MemoryError, RecursionError),
)


def recheck(subject: Subject, case: Case, check: Mapping[str, Any]) -> None:
    """Make the call and everything that `check` says about it; raise what is violated.

    kind "call"    every element in its enclosure, and all that a single call owes
    kind "repeat"  the same bits every time
    kind "scale"   2^power times the input and bias give 2^power times the output
    kind "format"  the output in the memory format that torch documents
    kind "sequence"  the calls of the steps in order, each as in "call", in shared memory
    kind "refuse"  the call, changed as each of `check["calls"]` says, is refused; then it is right
    kind "train"   every step of gradient descent in its enclosure
    kind "large"   chosen elements of the output in their enclosures
    kind "initial" freshly built layers as documented
    """
    kind = check["kind"]
    if kind == "train":
        from properties.recovery import recheck_training

        recheck_training(subject, case, check)
    elif kind == "sequence":
        subject.check_sequence(steps_of(check))
    elif kind == "large":
        from properties.large import recheck_large

        recheck_large(subject, case)
    elif kind == "refuse":
        require_refusals(subject, calls_of(case, check))
    elif kind == "initial":
        from properties.initial import recheck_initial

        recheck_initial(subject, case, check)
    elif kind == "scale":
        _recheck_scaling(subject, case, int(check["power"]))
    elif kind == "format":
        require_format(subject.run(case))
    elif kind == "repeat":
        _recheck_bits(subject, case, check)
    elif kind != "call":
        raise ValueError(f"`kind`={kind!r} is not a check that this version knows")
    else:
        # What depends on history (a stale buffer, a late write) needs a second call.
        for _ in range(TIMES):
            subject.check(case)


def _recheck_bits(subject: Subject, case: Case, check: Mapping[str, Any]) -> None:
    first = subject.run(case)
    for _ in range(TIMES):
        if subject.run(case).raw != first.raw:
            title = "the same call gives other bits when it is made again"
            raise v.NondeterminismViolation(title, case, check=check)


def _recheck_scaling(subject: Subject, case: Case, power: int) -> None:
    scaled = {
        name: Tensor.of(case.arrays[name] * 2.0**power, case.tensors[name].layout)
        for name in ("input", "bias")
        if name in case.tensors
    }
    relation = f"scaling the input by 2^{power} does not scale the output by it"
    plain, large = subject.run(case).output, subject.run(case.replace(**scaled)).output
    check = {"kind": "scale", "power": power}
    subject.require_equal(case, relation, exactly(large), exactly(plain * 2.0**power), check)


class Outcome(NamedTuple):
    """What became of a case: FIXED, FAILED or CANNOT_RUN, and its text."""

    status: int
    text: str


def replay(path: Path, spares: Spares | None = None) -> Outcome:
    """Run a `case.json` in a fresh process, or in one of the processes given."""
    return next(iter(replay_all(path, spares=spares).values()))


def replay_all(
    path: Path,
    implementation: str | None = None,
    device: str | None = None,
    spares: Spares | None = None,
) -> dict[str, Outcome]:
    """Run what a file or the files of a folder hold again, each file in a fresh process.

    A file is a `case.json`, a `report.json` (its violations) or a recording, `*.jsonl`. The
    outcomes are by path; where a file has several cases, by path and number: "main.jsonl:7".
    `implementation` and `device` take the place of those that were recorded.
    """
    if path.is_dir():
        files = sorted(found for found in path.rglob("*.json*") if found.is_file())
        every = (replay_all(found, implementation, device, spares) for found in files)
        outcomes = {name: outcome for some in every for name, outcome in some.items()}
        return outcomes or {str(path): _cannot(path, "there is no case in it")}
    try:
        entries = [_Entry.of(data, implementation, device) for data in read(path)]
    except (OSError, *UNREADABLE) as error:
        return {str(path): _cannot(path, f"{type(error).__name__}: {error}")}
    if not entries:
        return {str(path): _cannot(path, "there is no case in it")}
    names = [str(path)] if len(entries) == 1 else [f"{path}:{n + 1}" for n in range(len(entries))]
    with _Subjects(spares) as subjects:
        return {n: _again(e, n, subjects) for n, e in zip(names, entries, strict=True)}


def _cannot(name: Path | str, reason: object) -> Outcome:
    return Outcome(CANNOT_RUN, f"CANNOT RUN HERE {name}: {reason}")


@dataclass(frozen=True)
class _Entry:
    case: Case
    check: Mapping[str, Any]
    target: Implementation
    declared: bool

    @classmethod
    def of(cls, data: Mapping[str, Any], implementation: str | None, device: str | None) -> _Entry:
        if data.get("schema", SCHEMA) != SCHEMA:
            raise ValueError(f"`schema`={data['schema']!r} is not {SCHEMA}")
        target = Implementation.from_json(data)
        target = replace(
            target, target=implementation or target.target, device=device or target.device
        )
        # Torch's own in its place, to see whether it is right there, is not a fallback.
        target = replace(target, own=target.own and not target.is_stock)
        case, check = Case.from_json(data["case"]), dict(data["check"])
        if (size := elements(case)) > MOST and check["kind"] != "large":
            raise ValueError(f"the call has {size} elements, more than {MOST}")
        return cls(case, check, target, "arithmetic" in data)


def elements(case: Case) -> int:
    """Return the number of elements of all operands and of the output, however large."""
    return sum(
        prod(shape) for shape in (*(t.shape for t in case.tensors.values()), case.output_shape)
    )


class _Subjects(AbstractContextManager["_Subjects"]):
    """A subject for each implementation of a file; its worker lives as long as it does."""

    def __init__(self, spares: Spares | None) -> None:
        self._spares = spares
        self._runners: dict[Implementation, Runner] = {}

    def of(self, entry: _Entry) -> Subject:
        target = entry.target
        runner = self._runners.get(target) or Runner(target, self._spares)
        own = target if entry.declared else target.on(runner.start())
        self._runners[target] = runner
        return Subject(own, runner, Domain())

    def __exit__(self, *exception: object) -> None:
        for runner in self._runners.values():
            runner.close()


def _again(entry: _Entry, name: str, subjects: _Subjects) -> Outcome:
    try:
        recheck(subjects.of(entry), entry.case, entry.check)
    except (CannotStart, NotLoadable, Inconclusive, *UNREADABLE) as error:
        return _cannot(name, str(error) or type(error).__name__)
    except v.Violation as violation:
        return Outcome(FAILED, f"FAILED {name}\n{violation}")
    return Outcome(FIXED, f"FIXED {name}: {entry.case.summary()}")
