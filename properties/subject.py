"""`Subject`: the implementation as a property sees it, through the fixture `conv2d`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from properties.case import Case
from properties.domain import Domain
from properties.expect import enclose, expected
from properties.fastclass import may_be_fast, within_fast_class
from properties.implementation import Implementation
from properties.judge import Verdict, judge
from properties.known import KnownDefect
from properties.observation import Observation
from properties.profiles import Profile
from properties.runner import Runner
from properties.search import Search
from properties.values import Float64
from properties.violations import Violation
from reference import Enclosure


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
        self.repeated: set[str] = set()  # kinds of violation that fresh processes have shown again
        self._shrunk: Counter[str] = Counter()

    def trial(self, drawn: Mapping[str, object], body: Callable[[], None]) -> None:
        """Run one drawn example of the current item; a known defect is counted, not raised."""
        self.search.trial(drawn, lambda: self._without_known(body))

    def _without_known(self, body: Callable[[], None]) -> None:
        try:
            body()
        except Violation as violation:
            for defect in self.defects:
                calls = (violation.case, *self.search.calls)
                if defect.explains(calls, violation.kind):
                    self.search.known[defect.id] += 1
                    return
            raise

    def shrink_seconds(self, profile: Profile) -> Callable[[str], float]:
        """Return how long a kind of violation may be shrunk: less for each time it was before."""

        def seconds(kind: str) -> float:
            self._shrunk[kind] += 1
            return profile.shrink_seconds / self._shrunk[kind] ** 2

        return seconds

    def run(self, case: Case) -> Observation:
        """Make the call; check all that a call owes except its values."""
        self.search.calls.append(case)
        return self.runner.run(case)

    def check(self, case: Case) -> Observation:
        """Make the call and require output and gradients to lie in their enclosures."""
        observation = self.run(case)
        arithmetic = self.implementation.arithmetic(case.dtype)
        for name, enclosure in expected(case, arithmetic).items():
            self._judge(case, name, observation.arrays[name], enclosure)
        return observation

    def measure(self, case: Case) -> Enclosure:
        """Make the call; return a ball round the output that came back, holding the true one.

        Its radius is the enclosure's; its midpoint owes nothing to the oracle.
        """
        observation = self.run(case)
        enclosure = enclose(case, "output", self.implementation.arithmetic(case.dtype))
        return Enclosure(observation.output, enclosure.rad)

    def measure_all(self, case: Case) -> dict[str, Enclosure]:
        """Do the same for the output and every gradient asked for, by name."""
        observation = self.run(case)
        enclosures = expected(case, self.implementation.arithmetic(case.dtype))
        return {n: Enclosure(observation.arrays[n], e.rad) for n, e in enclosures.items()}

    def require_equal(
        self,
        case: Case,
        relation: str,
        left: Enclosure,
        right: Enclosure,
        check: Mapping[str, object] | None = None,
    ) -> None:
        """Require two balls of one true value to meet; at radius 0, bit for bit."""
        verdict = judge(left.mid, Enclosure(right.mid, left.rad + right.rad))
        self._note(verdict)
        if not verdict.ok and check is None and self._class_explains(case):
            return
        verdict.require_relation(case, relation, check)

    def _class_explains(self, case: Case) -> bool:
        """Tell whether a side of a broken relation came from a fast algorithm, and only that.

        Judges each call of the trial by itself; one that violates its own bound raises.
        """
        if not may_be_fast(case, self.implementation):
            return False
        before = self.search.unclassed
        for call in list(self.search.calls):
            self.check(call)
        return self.search.unclassed > before

    def _judge(self, case: Case, name: str, observed: Float64, enclosure: Enclosure) -> None:
        verdict = judge(observed, enclosure)
        if not verdict.ok and within_fast_class(
            case, name, observed, enclosure, self.implementation
        ):
            self.search.unclassed += 1
            return
        self._note(verdict)
        verdict.require(case, name)

    def _note(self, verdict: Verdict) -> None:
        if verdict.ok:
            self.search.used = max(self.search.used, verdict.used)
