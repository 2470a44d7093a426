"""Cases per second of a property under the gate's settings, where the time goes, and memory."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from properties import known
from properties.case import Case
from properties.domain import Domain, activated
from properties.implementation import Implementation
from properties.observation import Observation
from properties.profiles import PROFILES, prepare
from properties.runner import Runner
from properties.search import Search
from properties.steps import Step
from properties.stock import stock_defects
from properties.subject import Subject
from properties.test_value import test_value_lies_in_its_enclosure as the_property
from tests.benchmarks.timing import table

EXAMPLES = 1000


class TimedRunner(Runner):
    """Adds up the time of round trips and, within them, of the calls in the worker."""

    trips = 0.0
    calls_in_worker = 0.0

    def run(self, call: Case | Step) -> Observation:
        """Carry out one call in the worker."""
        began = time.perf_counter()
        observation = super().run(call)
        self.trips += time.perf_counter() - began
        self.calls_in_worker += observation.seconds
        return observation

    def peak(self) -> int:
        """Return the worker's peak memory in KiB."""
        assert self._child is not None
        return peak_memory(self._child.process.pid)


def run() -> None:
    """Run the value property against F.conv2d on the CPU; print speed, split and memory."""
    profile = dataclasses.replace(PROFILES["conv2d-gate"], examples=EXAMPLES)
    prepare(the_property, profile, 0)
    implementation = Implementation("F.conv2d")
    runner = TimedRunner(implementation)
    with runner:
        defects = stock_defects(runner.start())
        domain = Domain().within(padding_mode=("zeros",))
        subject = Subject(implementation, runner, domain, defects)
        search = subject.search = Search()
        began = time.perf_counter()
        with activated(domain), known.activated(defects):
            the_property(conv2d=subject)
        wall = time.perf_counter() - began
        worker = runner.peak()
    parts = {
        "draw (Hypothesis, strategies, keys)": wall - search.seconds,
        "wire (encode, pipes, worker's checks)": runner.trips - runner.calls_in_worker,
        "implementation": runner.calls_in_worker,
        "oracle and judge": search.seconds - runner.trips,
    }
    rows = [
        [name, f"{1000 * seconds / search.cases:.3g} ms", f"{100 * seconds / wall:.0f} %"]
        for name, seconds in parts.items()
    ]
    speed = search.cases / wall
    title = (
        f"Gate: {the_property.__name__}, {EXAMPLES} examples, {search.cases} different cases, "
        f"{speed:.0f} cases/s per parent and child"
    )
    table(title, ["", "per case", "share"], rows)
    rows = [["judge", _mebibytes(peak_memory())], ["worker", _mebibytes(worker)]]
    table("Memory after that run (VmHWM)", ["", "peak"], rows)


def peak_memory(pid: int | None = None) -> int:
    """Return the peak resident memory of a process (or this one), in KiB."""
    status = Path(f"/proc/{pid or 'self'}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def _mebibytes(kibibytes: int) -> str:
    return f"{kibibytes / 1024:.0f} MiB"
