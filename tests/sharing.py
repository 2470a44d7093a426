"""What implementations under test share, so that many can be run in the time of a few."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from properties.case import Case
from properties.observation import Observation
from properties.search import example_key
from properties.steps import Step
from properties.subject import Subject
from properties.violations import Violation

Trace = list[tuple[Case | Step, bytes]]


class Shared:
    """What was right of earlier implementations, whose claims are the same.

    `results` that lay in their enclosures, by call and bits; and of each example that passed
    its `traces`: the calls that it made, in order, and the bits that came back.
    """

    def __init__(self) -> None:
        self.results: set[tuple[str, bytes]] = set()
        self.traces: dict[tuple[object, str, str], Trace] = {}  # by property, form and example


class Sharing(Subject):
    """Judges nothing again that was right when another implementation had the same results.

    It makes the same calls in the same order as any other subject.
    """

    def __init__(self, shared: Shared, *described: Any) -> None:
        super().__init__(*described)
        self.shared = shared
        self.test: object = None  # the property at hand
        self._example = ""
        self._trace: Trace = []
        self._made: list[Observation | Violation] = []  # calls that the body is yet to ask for

    def trial(self, drawn: Mapping[str, object], body: Callable[[], object]) -> None:
        """Run one example; it passes, unjudged, where all its results are those of its trace."""
        self._example, self._made = example_key(drawn), []
        super().trial(drawn, body)

    def _without_known(self, body: Callable[[], object]) -> None:
        key = self.test, self.runner.form, self._example  # a layer may be called otherwise
        if key in self.shared.traces and self._repeats(self.shared.traces[key]):
            return
        self._trace, known = [], self.search.known.total()
        before = self.runner.calls - len(self._made)
        super()._without_known(body)
        alone = len(self._trace) == self.runner.calls - before  # no request of another kind
        plain = not any(isinstance(call, Step) for call, _ in self._trace)
        if alone and plain and self.search.known.total() == known:
            self.shared.traces[key] = self._trace

    def _repeats(self, trace: Trace) -> bool:
        """Make the calls of a trace up to the first other result; what came back is kept."""
        self._made = []
        for call, bits in trace:
            try:
                self._made.append(super().run(call))
            except Violation as violation:
                self._made.append(violation)
            if isinstance(found := self._made[-1], Violation) or digest(found) != bits:
                self.search.steps.clear()
                return False
        self._made = []
        return True

    def run(self, call: Case | Step) -> Observation:
        """Make the call, unless it was made to see whether the example repeats itself."""
        if self._made:
            found = self._made.pop(0)
            case = call.case if isinstance(call, Step) else call
            assert found.case.key == case.key, "another call than the trace has"
            self.search.steps.append(Step(case))
            if isinstance(found, Violation):
                raise found
        else:
            found = super().run(call)
        self._trace.append((call, digest(found)))
        return found

    def _judge_all(self, observation: Observation) -> None:
        key = observation.case.key, digest(observation)
        if key not in self.shared.results:
            super()._judge_all(observation)
            self.shared.results.add(key)


def digest(observation: Observation) -> bytes:
    """Return a digest of all bits that came back, and of the strides."""
    found = hashlib.sha256(repr(sorted(observation.strides.items())).encode())
    for name, data in sorted(observation.raw.items()):
        found.update(b"%s %d " % (name.encode(), len(data)))
        found.update(data)
    return found.digest()
