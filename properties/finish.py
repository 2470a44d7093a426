"""From a violation that Hypothesis has shrunk to one that a person can act on.

Finds the call at fault, repeats it in fresh processes, makes its values plain, and writes
`case.json` and the standalone script.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from properties import violations as v
from properties.behaviour import REPEATS, Behaviour, classify
from properties.case import Case, Explicit, Tensor
from properties.dtypes import DTYPES
from properties.implementation import Implementation
from properties.losses import CannotStart, Inconclusive, NotLoadable
from properties.replay import SCHEMA, recheck
from properties.repro import script, write_script
from properties.subject import Subject
from properties.values import Recipe

E = TypeVar("E", bound=BaseException)
IDENTITY = ("implementation", "device", "check", "case")  # of what a case.json tells
MAX_TRIES = 48
MAX_SECONDS = 5.0  # for plainer values: a try may cost a process


def finish(error: BaseException, subject: Subject, name: str, directory: Path) -> v.Violation:
    """Return the violation to raise in place of whatever left the property."""
    found = next(found_in(error, v.Violation), None) or subject.search.violations[-1]
    others = {w.kind for w in found_in(error, v.Violation)} - {found.kind}
    not_tried = "the time was up, and another of its kind repeats"
    try:
        culprit, behaviour = _examined(found, subject)
    except (CannotStart, NotLoadable, Inconclusive) as lost:
        culprit, behaviour, not_tried = found, None, str(lost)
    if isinstance(found, v.RelationViolation) and culprit is not found:
        culprit.facts = {"broken relation": found.title, **culprit.facts}
    if behaviour is None:
        culprit.facts["repeats"] = f"not tried: {not_tried}"
    else:
        culprit.facts["repeats"] = str(behaviour)
        if behaviour.shown == behaviour.processes:
            subject.repeated.add(culprit.kind)
    if others:
        culprit.facts["also seen"] = ", ".join(sorted(others))
    implementation, seen_on = subject.implementation, subject.runner.facts
    culprit.facts["implementation"] = described_run(implementation, seen_on, culprit.case)
    data = case_data(culprit, implementation, seen_on, name)
    source = script(culprit, implementation)
    case_path, script_path = _written(culprit, data, source, directory)
    culprit.record = {
        "kind": culprit.kind,
        "title": culprit.title,
        "property": name,
        "target": str(subject.implementation),
        "summary": culprit.case.summary(),
        "case": case_path,
        "script": script_path,
        "replay": data,
        "repeats": behaviour and behaviour.shown,
        "processes": behaviour and behaviour.processes,
        "behaviour": behaviour and behaviour.name,
        "text": str(culprit),
        "source": source,
        "errors": [
            {"case": w.case.summary(), **w.errors.to_json()}
            for w in dict.fromkeys((culprit, _widest(culprit, subject)))
            if w.errors is not None
        ],
    }
    return culprit


def _widest(violation: v.Violation, subject: Subject) -> v.Violation:
    """Return the one of its kind, among all seen, that shows most of a plane: see its shape."""
    alike = [w for w in subject.search.violations if w.kind == violation.kind and w.errors]
    return max(alike, key=lambda w: w.errors.errors.size if w.errors else 0, default=violation)


def found_in(error: BaseException, wanted: type[E] | tuple[type[E], ...]) -> Iterator[E]:
    """Yield the exceptions of some classes in what Hypothesis raises: one, or a group."""
    if isinstance(error, wanted):
        yield error
    elif isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from found_in(inner, wanted)


def _examined(found: v.Violation, subject: Subject) -> tuple[v.Violation, Behaviour | None]:
    """Return the call at fault, how it behaves where that was tried, and in plain values."""
    culprit = _culprit(found, subject)
    # An implementation that is wrong everywhere need not be proved so once per property.
    tried = culprit.kind not in subject.repeated or not subject.search.over()
    behaviour = None
    if tried:
        # The first of its kind is asked more than once, where there is time.
        first = culprit.kind not in subject.repeated and not subject.search.over()
        culprit, behaviour = classify(culprit, subject, REPEATS if first else 1)
    alone = behaviour is None or behaviour.name == "deterministic"
    wrong = isinstance(culprit, v.ValueViolation | v.PoisonViolation)
    if alone and wrong and culprit.check["kind"] == "call":
        culprit = _plainer(culprit, subject)
    return culprit, behaviour


def _culprit(found: v.Violation, subject: Subject) -> v.Violation:
    """Return the call at fault: if a relation breaks, a side of it lies outside its enclosure."""
    if not isinstance(found, v.RelationViolation) or found.check["kind"] != "call":
        return found
    for case in dict.fromkeys([*subject.search.calls, found.case]):
        try:
            recheck(subject, case, {"kind": "call"})
        except v.Violation as violation:
            return violation
        except Inconclusive:
            continue
    return found


def _plainer(violation: v.Violation, subject: Subject) -> v.Violation:
    """Replace values by ones and one-hot tensors while the same kind of violation remains."""
    tries, deadline = 0, time.monotonic() + MAX_SECONDS
    for name in ("weight", "input", "bias"):
        for values in _candidates(violation.case, name):
            tries += 1
            if tries > MAX_TRIES or time.monotonic() > deadline:
                return violation
            tensor = violation.case.tensors[name]
            plain = Tensor(tensor.shape, values, tensor.layout)
            try:
                recheck(subject, violation.case.replace(**{name: plain}), violation.check)
            except v.Violation as simpler:
                if type(simpler) is type(violation):
                    violation = simpler
                    break
            except Inconclusive:
                return violation
    return violation


def _candidates(case: Case, name: str) -> Iterator[Recipe | Explicit]:
    tensor = case.tensors.get(name)
    if tensor is None or np.prod(tensor.shape) == 0:
        return
    exact = DTYPES[case.dtype].exact
    if not case.is_finite:
        yield Explicit(np.where(np.isfinite(case.arrays[name]), 1, case.arrays[name]))
        return
    if name != "bias":
        for place in np.ndindex(*tensor.shape) if np.prod(tensor.shape) <= 16 else ():
            one = np.zeros(tensor.shape, exact)
            one[place] = 1
            yield Explicit(one)
    # Complex ones of the recipe are 1 + 1i.
    yield Explicit(np.ones(tensor.shape, exact)) if exact.kind == "c" else Recipe("ones")
    count = np.prod(tensor.shape) + 1
    yield Explicit(np.arange(1, count).astype(exact).reshape(tensor.shape))


def described_run(target: Implementation, facts: Mapping[str, Any], case: Case) -> str:
    """Return what was called, where, and in which arithmetic."""
    precision = facts.get("cudnn.conv.fp32_precision")
    flags = f", fp32_precision {precision}" if precision and case.dtype == "float32" else ""
    version = facts.get("torch", "?")
    return f"{target.target} on {target.device}, {case.dtype}, torch {version}{flags}"


def case_data(
    violation: v.Violation, implementation: Implementation, facts: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """Return what `replay` reads of a violation: the content of `case.json`."""
    return {
        "schema": SCHEMA,
        "property": name,
        **implementation.to_json(),
        "violation": violation.kind,
        "title": violation.title,
        "check": violation.check,
        "case": violation.case.to_json(),
        "seen on": dict(facts),
    }


def write_case(data: Mapping[str, Any], case: Case, folder: Path) -> Path:
    """Write what `replay` reads and return its path: no other violation has it.

    Two implementations, or two properties, may fail in the same call; and two processes at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        path = folder / f"{case.key[:8]}{f'-{number}' if number > 1 else ''}.json"
        if _is_free(path, data):
            path.write_text(json.dumps(data, indent=1) + "\n")
            return path
    raise AssertionError("numbers end")


def _is_free(path: Path, data: Mapping[str, Any]) -> bool:
    """Take a name; one that the same violation had before is free."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            there, own = json.loads(path.read_text()), json.loads(json.dumps(data))
            return all(there[name] == own[name] for name in IDENTITY)
        return False
    return True


def _written(
    violation: v.Violation, data: Mapping[str, Any], source: str, directory: Path
) -> tuple[str, str]:
    """Write case and script and return their paths; a disk that takes nothing hides no violation.

    The paths are empty then, and the violation says why.
    """
    try:
        path = write_case(data, violation.case, directory / "cases")
        script_path = write_script(source, path.stem, directory / "repro")
    except OSError as error:
        violation.facts["reproduce"] = f"from report.json alone: {error}"
        return "", ""
    violation.facts["reproduce"] = f"python {shortened(script_path)}"
    return str(path), str(script_path)


def shortened(path: Path) -> str:
    """Return the path as a person in the working directory would type it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
