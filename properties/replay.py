"""Check one call again: in a running session, or from `case.json` in a fresh process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from properties import violations as v
from properties.case import Case, Tensor
from properties.child import CannotStart, Spares
from properties.domain import Domain
from properties.implementation import Implementation
from properties.invalid import calls_of
from properties.memory_formats import require_format
from properties.refusal import require_refusals
from properties.relations import exactly
from properties.rows import parse
from properties.runner import NotLoadable, Runner
from properties.steps import steps_of
from properties.subject import Subject

FIXED, FAILED, CANNOT_RUN = 0, 1, 5
TIMES = 3


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


def replay(path: Path) -> tuple[int, str]:
    """Run a `case.json` in a fresh process; return FIXED, FAILED or CANNOT_RUN, and its text."""
    try:
        data = json.loads(path.read_text())
        case, check = Case.from_json(data["case"]), dict(data["check"])
        target = Implementation(str(data["implementation"]), str(data["device"]))
        rows = parse(data["arithmetic"]) if "arithmetic" in data else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return CANNOT_RUN, f"CANNOT RUN HERE {path}: {type(error).__name__}: {error}"
    try:
        with Runner(target, Spares(ahead=False)) as runner:
            own = target.on(runner.start()) if rows is None else replace(target, rows=rows)
            recheck(Subject(own, runner, Domain()), case, check)
    except (CannotStart, NotLoadable, ValueError, KeyError, TypeError) as error:
        return CANNOT_RUN, f"CANNOT RUN HERE {path}: {error}"
    except v.Violation as violation:
        return FAILED, f"FAILED {path}\n{violation}"
    return FIXED, f"FIXED {path}: {case.summary()}"
