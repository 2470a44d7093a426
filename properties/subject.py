"""`Subject`: the implementation as a property sees it, through the fixture `conv2d`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from properties.case import Case
from properties.classes import ALLOWED, direct, fast_class, reach
from properties.domain import Domain
from properties.dtypes import DTYPES, Exact
from properties.errormap import error_map
from properties.expect import enclose, varying
from properties.implementation import Implementation
from properties.invalid import names_of
from properties.judge import judge, judge_readings
from properties.known import KnownDefect
from properties.observation import Observation, described
from properties.pairs import explains
from properties.profiles import Profile
from properties.runner import Runner
from properties.search import Search
from properties.shards import Shard
from properties.special import enclosures, told
from properties.steps import Step, check_of
from properties.steps import described as described_steps
from properties.violations import (
    ClassViolation,
    PairViolation,
    PoisonViolation,
    ValueViolation,
    Violation,
)
from reference import Arithmetic, Enclosure
from reference.arithmetic import Algorithm


class Subject:
    """Runs calls of one implementation on one device and judges what comes back.

    Every method raises the `Violation` that it finds.
    """

    def __init__(
        self,
        implementation: Implementation,
        runner: Runner,
        domain: Domain,
        defects: Sequence[KnownDefect] = (),
    ) -> None:
        self.implementation, self.runner, self.domain = implementation, runner, domain
        self.defects = defects
        self.search = Search()
        self.large = 0.0  # GiB that one call may take; 0 stands for what a gate has time for
        self.shard = Shard()  # of a run that several machines share
        self.repeated: set[str] = set()  # kinds of violation that fresh processes have shown again
        self._shrunk: Counter[str] = Counter()

    def trial(self, drawn: Mapping[str, object], body: Callable[[], object]) -> None:
        """Run one drawn example of the current item; a known defect is counted, not raised."""
        self.search.trial(drawn, lambda: self._without_known(body))

    def _without_known(self, body: Callable[[], object]) -> None:
        try:
            body()
        except Violation as violation:
            violation.example = tuple(self.search.steps)
            violation.history = self.runner.log.steps
            for defect in self.defects:
                calls = (violation.case, *self.search.calls)
                if defect.explains(calls, violation.kind, names_of(violation.check)):
                    self.search.known[defect.id] += 1
                    return
            raise

    def shrink_seconds(self, profile: Profile) -> Callable[[str], float]:
        """Return how long a kind of violation may be shrunk: less for each time it was before."""

        def seconds(kind: str) -> float:
            self._shrunk[kind] += 1
            return profile.shrink_seconds / self._shrunk[kind] ** 2

        return seconds

    def run(self, call: Case | Step) -> Observation:
        """Make the call; check all that a call owes except its values."""
        step = call if isinstance(call, Step) else Step(call)
        self.search.steps.append(step)
        try:
            return self.runner.run(call)
        finally:
            if any(defect.harms(step.case) for defect in self.defects):
                self.runner.fresh()

    def check(self, call: Case | Step) -> Observation:
        """Make the call and require output and gradients to lie in their enclosures."""
        observation = self.run(call)
        self._judge_all(observation)
        return observation

    def check_sequence(self, steps: Sequence[Step]) -> None:
        """Make the calls in order, from new memory on, and check each; its violation tells them."""
        self.runner.begin()
        judged: dict[Case, Mapping[str, bytes]] = {}
        for count, step in enumerate(steps, 1):
            try:
                observation = self.run(step)
                if judged.get(step.case) != observation.raw:
                    self._judge_all(observation)
                    judged[step.case] = observation.raw
            except Violation as violation:
                violation.check = check_of(steps[:count])
                if count > 1:
                    violation.title = f"call {count} of a sequence: {violation.title}"
                    violation.facts["calls"] = described_steps(steps[:count])
                raise

    def may_vary(self, case: Case, name: str) -> bool:
        """Tell whether the bits of the output or of a gradient may differ from run to run."""
        deterministic = self.runner.facts.get("cudnn.deterministic", True)
        return not deterministic or name in varying(case, self.implementation.device)

    def measure(self, case: Case) -> Enclosure:
        """Make the call; return a ball round the output that came back, holding the true one.

        Its radius is the enclosure's; its midpoint owes nothing to the oracle.
        """
        observation = self.run(case)
        return self._around(observation, "output")

    def measure_all(self, case: Case) -> dict[str, Enclosure]:
        """Do the same for the output and every gradient asked for, by name."""
        observation = self.run(case)
        return {name: self._around(observation, name) for name in observation.arrays}

    def _around(self, observation: Observation, name: str) -> Enclosure:
        """Return the ball round a result that holds the true value.

        Of an exact sum the enclosure holds the rounded value alone: its rounding is added again.
        Where a result may overflow the ball holds everything.
        """
        case = observation.case
        arithmetic = self.implementation.arithmetic(case.dtype, name, case.mode)
        found = enclose(case, name, direct(arithmetic))
        rad = found.rad
        if isinstance(arithmetic, Arithmetic) and arithmetic.rounds_output:
            stored = arithmetic.output
            size = np.maximum(np.abs(found.mid.real), np.abs(found.mid.imag))
            rad = np.where(rad == 0.0, stored.u * size + stored.eta / 2, rad)
        unknown = found.allows_infinity
        mid = np.where(unknown, 0, observation.arrays[name])
        return Enclosure(mid, np.where(unknown, np.inf, rad))

    def require_equal(
        self,
        case: Case,
        relation: str,
        left: Enclosure,
        right: Enclosure,
        check: Mapping[str, object] | None = None,
    ) -> None:
        """Require two balls of one true value to meet; at radius 0, bit for bit."""
        other = right.mid
        if DTYPES[case.dtype].kind == "integer":
            other = DTYPES[case.dtype].rounded(other)  # sums and products wrap
        verdict = judge(left.mid, Enclosure(other, left.rad + right.rad))
        if verdict.ok:
            self.search.note(verdict.used)
        if not verdict.ok and check is None and self._class_explains(case):
            return
        verdict.require_relation(case, relation, check)

    def _class_explains(self, case: Case) -> bool:
        """Tell whether a side of a broken relation came from a fast algorithm, and only that.

        Judges each call of the trial by itself; one that violates its own bound raises.
        """
        row = self.implementation.arithmetic(case.dtype, mode=case.mode)
        if row == direct(row):
            return False
        before = self.search.fast
        for call in list(self.search.calls):
            self.check(call)
        return self.search.fast > before

    def _judge_all(self, observation: Observation) -> None:
        for name, array in observation.arrays.items():
            self._judge(observation.case, name, array)

    def _judge(self, case: Case, name: str, observed: Exact) -> None:
        row = self.implementation.arithmetic(case.dtype, name, case.mode)
        readings = enclosures(case, name, direct(row))
        met, verdict = judge_readings(observed, readings)
        if verdict.ok:
            self._tell(told(met, readings))
            self.search.note(verdict.used, f"{case.dtype} {name}")
            self.search.unlikely += verdict.unlikely if case.is_random else 0
            return
        found = fast_class(case, name, observed, row)
        if found is not None and isinstance(row, Arithmetic) and found in ALLOWED[row.algorithm]:
            self.search.fast += 1
            return
        if found is not None and case.is_finite:
            self._require_class(case, name, found)
        if not case.is_finite and explains(observed, readings.values(), case, name):
            place = verdict.place(name)
            title = f"{place} sees an infinity or NaN next to its last term, times zero"
            raise PairViolation(title, case)
        try:
            verdict.require(case, name)
        except (ValueViolation, PoisonViolation) as violation:
            violation.facts |= self._looser(case, name, observed, found)
            violation.errors = error_map(name, observed, readings[met], verdict.index)
            raise

    def _tell(self, texts: Sequence[str]) -> None:
        """Put into the summary, once for each property."""
        self.search.notes += [text for text in texts if text not in self.search.notes]

    def _require_class(self, case: Case, name: str, found: str) -> None:
        """Raise `ClassViolation` if a NaN spreads as only a fast algorithm lets it."""
        # Not a call of the trial: nothing of what follows is to be looked for in it.
        spread = reach(self.runner.run, case, name)
        if spread.beyond:
            title = (
                f"{described(name)} is that of a {found} algorithm, declared is direct: {spread}"
            )
            raise ClassViolation(title, case)

    def _looser(
        self, case: Case, name: str, observed: Exact, found: Algorithm | None
    ) -> dict[str, str]:
        """Return the looser rows that the result would have passed by, as a fact to print."""
        passing = [
            label
            for label, row in self.implementation.rows.looser(case.dtype, name, case.mode)
            if judge_readings(observed, enclosures(case, name, row))[1].ok
        ]
        passing += [f"algorithm = {found!r}"] if found is not None else []
        if not passing:
            return {}
        return {"would pass": f"with {' or '.join(passing)}, if declared (--conv2d-arithmetic)"}
