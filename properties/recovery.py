"""Kernel recovery: the verdicts on an observed descent, on its steps, closed form and end.

The exercise is a `Training` (`properties.recovery_training`), the theory is exact
(`properties.recovery_theory`), the radii are derived (`properties.recovery_enclosure`). Every
`require_*` returns the largest share of what was allowed, or raises `TrainingViolation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from properties.case import Case
from properties.judge import Verdict, judge
from properties.recovery_descent import Descent, descend
from properties.recovery_enclosure import Steps, accumulated_radii, enclose_steps
from properties.recovery_theory import Problem, columns
from properties.recovery_training import Training
from properties.steps import Step
from properties.subject import Subject
from properties.values import Float64
from properties.violations import TrainingViolation
from reference import Arithmetic, Enclosure

OWN = 2.0**-50  # relative: the few float64 operations between bounds and comparison


@dataclass(frozen=True, eq=False)
class Observed:
    """A training, what was observed of it, and the arithmetic that it is held to.

    `fast` says that the device's convolutions meet only the bound of fast algorithms.
    """

    training: Training
    descent: Descent
    arithmetic: Arithmetic
    fast: bool = False

    @cached_property
    def problem(self) -> Problem:
        """The theory of the training."""
        return Problem(self.training)

    @cached_property
    def iterates(self) -> Float64:
        """k_0..k_T as (T+1, groups, unknowns, channels)."""
        return columns(self.descent.weight, self.descent.bias, self.training.case.params.groups)

    @cached_property
    def velocities(self) -> Float64 | None:
        """v_0..v_T in the same form; None without momentum."""
        descent, groups = self.descent, self.training.case.params.groups
        if descent.weight_velocity is None:
            return None
        return columns(descent.weight_velocity, descent.bias_velocity, groups)

    @cached_property
    def steps(self) -> Steps:
        """The enclosure of every step."""
        return enclose_steps(self.problem, self.descent.bounded(), self.arithmetic, self.fast)

    @cached_property
    def radii(self) -> Float64:
        """How far each iterate may be from the closed form."""
        return accumulated_radii(self.problem, self.steps)


def observe(subject: Subject, training: Training) -> Observed:
    """Have the implementation trained, and require that every step lies in its enclosure.

    The other statements follow from the theory only where that holds.
    """
    subject.search.steps.append(Step(training.case))
    descent = descend(subject.runner, training)
    row = subject.implementation.arithmetic(training.case.dtype)
    assert isinstance(row, Arithmetic), "training is of floating numbers"
    observed = Observed(training, descent, replace(row, algorithm="direct"))
    _require_start(observed)
    try:
        used = require_steps(observed)
    except TrainingViolation:
        if row.algorithm == "direct":
            raise
        observed = replace(observed, fast=True)
        require_steps(observed)
        subject.search.fast += 1
        return observed
    subject.search.note(used)
    return observed


def recheck_training(subject: Subject, case: Case, check: Mapping[str, Any]) -> None:
    """Train again as `check` says, from the case's weight and bias; require what always holds."""
    training = replace(Training.from_json(check), case=case.forward())
    require_closed_form(observe(subject, training))


def require_steps(observed: Observed) -> float:
    """Require k_{t+1}, and v_{t+1}, in the enclosure computed from k_t and v_t, for every t."""
    kinds = [("", observed.iterates, observed.steps.iterates)]
    if observed.velocities is not None and observed.steps.velocities is not None:
        kinds.insert(0, ("velocity of ", observed.velocities, observed.steps.velocities))
    used = 0.0
    for prefix, values, enclosure in kinds:
        verdict = judge(values[1:], enclosure)
        used = max(used, verdict.used)
        if not verdict.ok:
            # The first step outside is the one that says what went wrong.
            step = int(np.argmin(enclosure.contains(values[1:]).all((1, 2, 3))))
            first = judge(values[step + 1], Enclosure(enclosure.mid[step], enclosure.rad[step]))
            where = f"{prefix}{_name(observed, first.index)} after step {step + 1}"
            oracle = "the step from the iterate observed before it; properties.recovery_enclosure"
            violation = _outside(observed, where, first, oracle)
            violation.check["first"] = _evidence(observed, first, step + 1, bool(prefix))
            raise violation
    return used


def require_closed_form(observed: Observed) -> float:
    """Require |k_t - closed form| <= accumulated radius, for every t."""
    exact = observed.problem.closed_form()
    verdict = judge(observed.iterates, Enclosure(exact, observed.radii + OWN * np.abs(exact)))
    if not verdict.ok:
        where = f"{_name(observed, verdict.index[1:])} after step {verdict.index[0]}"
        oracle = "(I - 2c lr A^T A)^t e_0, exactly; radii of the steps, accumulated"
        violation = _outside(observed, where, verdict, oracle)
        element = replace(verdict, index=verdict.index[1:])
        violation.check["first"] = _evidence(observed, element, verdict.index[0], False)
        raise violation
    return verdict.used


def require_near(observed: Observed, point: Float64, exact: Float64, what: str) -> float:
    """Require ||k_T - point|| <= exact + ||accumulated radius||, in every channel."""
    found, slack = norms(observed.iterates[-1] - point), norms(observed.radii[-1])
    allowed = exact + slack + OWN * (norms(observed.iterates[0] - point) + norms(point))
    verdict = judge(found, Enclosure(np.zeros_like(found), allowed))
    if verdict.ok:
        return verdict.used
    where = verdict.index
    title = (
        f"{_channel(observed, where)} after step {observed.training.steps} is"
        f" {verdict.observed:.6g} from {what}; {verdict.rad:.6g} is allowed,"
        f" {exact[where]:.6g} in exact arithmetic and {slack[where]:.3g} of rounding"
    )
    raise _violation(observed, title, {"oracle": "contraction by the spectrum of A^T A"})


def require_apart(observed: Observed, point: Float64, exact: Float64, what: str) -> float:
    """Require ||k_T - point|| >= exact - ||accumulated radius||, in every channel."""
    found, slack = norms(observed.iterates[-1] - point), norms(observed.radii[-1])
    slack += OWN * (exact + norms(point))
    missing = np.maximum(exact - found, 0.0)
    verdict = judge(missing, Enclosure(np.zeros_like(missing), slack))
    if verdict.ok:
        return verdict.used
    where = verdict.index
    title = (
        f"{_channel(observed, where)} after step {observed.training.steps} is"
        f" {found[where]:.6g} from {what}; the part that no gradient sees keeps it"
        f" {exact[where]:.6g} away, up to {slack[where]:.3g} of rounding"
    )
    raise _violation(observed, title, {"oracle": "projection of k_0 - k* on the null space of A"})


def _require_start(observed: Observed) -> None:
    """Require that descent started where it was told to."""
    start = judge(
        observed.iterates[0],
        Enclosure(observed.problem.start, np.zeros_like(observed.problem.start)),
    )
    if not start.ok:
        where = f"{_name(observed, start.index)} before step 1"
        raise _outside(observed, where, start, "the initial weight and bias, as they were sent")


def norms(array: Float64) -> Float64:
    """Return the Euclidean length of every channel's column: (groups, channels)."""
    lengths: Float64 = np.sqrt((array * array).sum(axis=-2))
    return lengths


def _channel(observed: Observed, index: tuple[int, ...]) -> str:
    group, channel = index
    per_group = observed.iterates.shape[-1]
    return f"the kernel of output channel {group * per_group + channel}"


def _place(observed: Observed, index: tuple[int, ...]) -> tuple[str, list[int]]:
    """Return the operand and the index in it of (group, unknown, channel)."""
    group, unknown, channel = index
    shape = observed.training.case.weight.shape
    out = group * observed.iterates.shape[-1] + channel
    if unknown == int(np.prod(shape[1:])):
        return "bias", [out]
    return "weight", [out, *(int(i) for i in np.unravel_index(unknown, shape[1:]))]


def _name(observed: Observed, index: tuple[int, ...]) -> str:
    name, place = _place(observed, index)
    return f"{name}{place}"


def _evidence(observed: Observed, verdict: Verdict, step: int, velocity: bool) -> dict[str, Any]:
    """Return where a script that trains again has to look, and what it may find there."""
    name, place = _place(observed, verdict.index)
    bounds = verdict.mid - verdict.rad, verdict.mid + verdict.rad
    low, high = (bound.real.hex() for bound in bounds)
    where = {"step": step, "operand": name, "index": place, "velocity": velocity}
    return {**where, "low": low, "high": high}


def _outside(observed: Observed, where: str, verdict: Verdict, oracle: str) -> TrainingViolation:
    low, high = verdict.mid - verdict.rad, verdict.mid + verdict.rad
    rule = f"is not {verdict.mid!r}, the exact value"
    if verdict.rad:
        times = f"{verdict.used:.3g} x the allowed radius {verdict.rad:.3g}"
        rule = f"lies outside [{low!r}, {high!r}] ({times})"
    facts = {"outside": f"{verdict.outside} of {verdict.size} numbers", "oracle": oracle}
    return _violation(observed, f"{where} = {verdict.observed!r} {rule}", facts)


def _violation(observed: Observed, title: str, facts: dict[str, str]) -> TrainingViolation:
    training = observed.training
    facts = {**facts, "training": training.summary()}
    return TrainingViolation(title, training.case, facts, training.check)
