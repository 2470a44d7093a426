"""From a violation that Hypothesis has shrunk to one that a person can act on.

Finds the call at fault, repeats it in fresh processes, makes its values plain, and writes
`case.json` and the standalone script.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from properties import violations as v
from properties.case import Case, Explicit, Tensor
from properties.dtypes import DTYPES
from properties.replay import recheck
from properties.repro import write_script
from properties.subject import Subject
from properties.values import Recipe

REPEATS = 5
MAX_TRIES = 48
MAX_SECONDS = 5.0  # for plainer values: a try may cost a process


def finish(error: BaseException, subject: Subject, name: str, directory: Path) -> v.Violation:
    """Return the violation to raise in place of whatever left the property."""
    found = _first_violation(error) or subject.search.violations[-1]
    others = {w.kind for w in _all_violations(error)} - {found.kind}
    culprit = _culprit(found, subject)
    # An implementation that is wrong everywhere need not be proved so once per property.
    tried = culprit.kind not in subject.repeated or not subject.search.over()
    repeats = _repeats(culprit, subject) if tried else None
    if repeats in (None, REPEATS) and isinstance(culprit, v.ValueViolation | v.PoisonViolation):
        culprit = _plainer(culprit, subject)
    if isinstance(found, v.RelationViolation) and culprit is not found:
        culprit.facts = {"broken relation": found.title, **culprit.facts}
    if repeats is None:
        culprit.facts["repeats"] = "not tried: the time was up, and another of its kind repeats"
    elif repeats == REPEATS:
        subject.repeated.add(culprit.kind)
    else:
        culprit.facts["repeats"] = f"{repeats} of {REPEATS} in fresh processes"
    if others:
        culprit.facts["also seen"] = ", ".join(sorted(others))
    culprit.facts["implementation"] = _describe(subject, culprit.case)
    case_path = _write_case(culprit, subject, name, directory)
    script = write_script(culprit, subject.implementation, directory / "repro")
    culprit.facts["reproduce"] = f"python {_short(script)}"
    culprit.record = {
        "kind": culprit.kind,
        "title": culprit.title,
        "property": name,
        "target": str(subject.implementation),
        "summary": culprit.case.summary(),
        "case": str(case_path),
        "script": str(script),
        "repeats": repeats,
        "text": str(culprit),
    }
    return culprit


def _first_violation(error: BaseException) -> v.Violation | None:
    return next(iter(_all_violations(error)), None)


def _all_violations(error: BaseException) -> Iterator[v.Violation]:
    if isinstance(error, v.Violation):
        yield error
    elif isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _all_violations(inner)


def _culprit(found: v.Violation, subject: Subject) -> v.Violation:
    """Return the call at fault: if a relation breaks, a side of it lies outside its enclosure."""
    if not isinstance(found, v.RelationViolation) or found.check["kind"] != "call":
        return found
    for case in dict.fromkeys([*subject.search.calls, found.case]):
        try:
            recheck(subject, case, {"kind": "call"})
        except v.Violation as violation:
            return violation
    return found


def _repeats(violation: v.Violation, subject: Subject) -> int:
    """Count the fresh processes of `REPEATS` that show it; if the first does, all count."""
    count = 0
    for attempt in range(REPEATS):
        subject.runner.fresh()
        try:
            recheck(subject, violation.case, violation.check)
        except v.Violation:
            count += 1
            if attempt == 0:
                return REPEATS
    return count


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
                recheck(subject, violation.case.replace(**{name: plain}), {"kind": "call"})
            except v.Violation as simpler:
                if type(simpler) is type(violation):
                    violation = simpler
                    break
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


def _describe(subject: Subject, case: Case) -> str:
    facts = subject.runner.facts
    precision = facts.get("cudnn.conv.fp32_precision")
    flags = f", fp32_precision {precision}" if precision and case.dtype == "float32" else ""
    target, torch = subject.implementation, facts.get("torch", "?")
    return f"{target.target} on {target.device}, {case.dtype}, torch {torch}{flags}"


def _write_case(violation: v.Violation, subject: Subject, name: str, directory: Path) -> Path:
    path = directory / "cases" / f"{violation.case.key[:8]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "schema": 1,
        "property": name,
        "implementation": subject.implementation.target,
        "device": subject.implementation.device,
        "violation": violation.kind,
        "title": violation.title,
        "check": violation.check,
        "case": violation.case.to_json(),
        "seen on": subject.runner.facts,
    }
    path.write_text(json.dumps(data, indent=1) + "\n")
    return path


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
