"""The known defects, each run once; what may harm a process has its own."""

from __future__ import annotations

from properties.case import Case
from properties.replay import recheck
from properties.subject import Subject
from properties.violations import Violation


def test_known_defects_are_as_recorded(conv2d: Subject) -> None:
    """Each known defect of this build still shows on its own case, or is reported as FIXED.

    A violation of another kind than the recorded one is a new defect and fails.
    """
    for defect in conv2d.shard.part(conv2d.defects):
        case = Case.from_json(defect.case)
        chosen = {
            "dtype": case.dtype,
            "padding_mode": case.params.padding_mode,
            "mode": case.mode,
            "derivatives": case.derivative,
        }
        form, device = conv2d.runner.form, conv2d.implementation.device
        if form not in defect.forms or any(
            level not in conv2d.domain.options(name) for name, level in chosen.items()
        ):
            continue
        if {"crash", "nondeterminism"} & {defect.kind, *defect.shows_as}:
            conv2d.runner.fresh()  # what was never written must not hold an earlier call's values
        conv2d.search.cases += 1
        try:
            recheck(conv2d, case, defect.checks(case, form, device)[0])
        except Violation as violation:
            if violation.kind != defect.kind:
                raise
            state, title = "there", f": {violation.title}"
        else:
            state, title = "FIXED", ", or not on this machine"
        conv2d.search.defects[defect.id] = state
        conv2d.search.notes.append(f"known defect {defect.id} is {state}{title}")
    conv2d.runner.fresh()
