"""A line now and then on a long run: what was done, how fast, what was found, what is left."""

from __future__ import annotations

import time
from typing import Any

import pytest

EVERY = 60.0  # seconds between two lines


class Progress:
    """A plugin of the process that owns the terminal: the controller, or the only one."""

    def __init__(self, reporter: Any, seconds: float | None, every: float = EVERY) -> None:
        self._reporter, self._seconds, self._every = reporter, seconds, every
        self._began = self._told = time.monotonic()
        self._total = self._done = self._cases = self._violations = 0
        self._coverage = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn how many items there are; where workers run them, each tells the same."""
        self._total = max(self._total, len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Learn it from a worker."""
        self._total = max(self._total, len(ids))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count an item that has ended; tell the state if that was not done for long."""
        if report.when != "call" and not (report.when == "setup" and report.skipped):
            return
        self._done += 1
        record: Any = dict(report.user_properties).get("conv2d", {})
        self._cases += record.get("cases", 0)
        self._violations += "violation" in record
        hit, planned = record.get("cells", (0, 0))
        if planned:
            self._coverage = f", {hit} of {planned} pairs of levels"
        if time.monotonic() - self._told >= self._every and self._done < self._total:
            self._told = time.monotonic()
            self._reporter.ensure_newline()
            if self._reporter._tw.width_of_current_line:
                self._reporter.line("")  # dots that pytest does not count: workers of xdist, -q
            self._reporter.write_line(self.line())

    def line(self) -> str:
        """Return the state of the run in one line."""
        ran = time.monotonic() - self._began
        left = ran * (self._total - self._done) / max(1, self._done)
        if self._seconds is not None:
            left = max(0.0, self._seconds - ran)
        return (
            f"{self._done} of {self._total} items, {self._cases} cases, "
            f"{self._cases / max(ran, 1e-9):.0f} per second, {self._violations} violations"
            f"{self._coverage}, {_clock(ran)}, about {_clock(left)} left"
        )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
