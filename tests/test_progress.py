"""The line that a long run prints now and then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from properties.progress import Progress


class Reporter:
    """Keeps the lines that it is given."""

    def __init__(self, dots: int = 0) -> None:
        self.lines: list[str] = []
        self._tw = SimpleNamespace(width_of_current_line=dots)

    def ensure_newline(self) -> None:
        """Leave a line of dots that pytest wrote."""

    def line(self, line: str) -> None:
        """Keep a line, as it is."""
        self.lines.append(line)

    write_line = line


def ended(when: str = "call", **record: Any) -> Any:
    """Return the report of an item."""
    return SimpleNamespace(when=when, skipped=False, user_properties=[("conv2d", record)])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return the time, which a test moves."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr("time.monotonic", lambda: now.seconds)
    return now


@pytest.mark.parametrize(("budget", "left"), [(None, "3:00"), (100.0, "0:40")])
def test_a_line_a_minute(clock: SimpleNamespace, budget: float | None, left: str) -> None:
    """After a minute, and not before, a line gives cases, rate, violations, coverage and time."""
    reporter = Reporter()
    progress = Progress(reporter, budget)
    progress.pytest_xdist_node_collection_finished([str(i) for i in range(8)])
    clock.seconds = 59
    progress.pytest_runtest_logreport(ended(cases=100, violation={}))
    assert reporter.lines == []
    clock.seconds = 60
    progress.pytest_runtest_logreport(ended(when="teardown", cases=100))
    progress.pytest_runtest_logreport(ended(cases=200, cells=[3, 5]))
    assert reporter.lines == [
        (
            "2 of 8 items, 300 cases, 5 per second, 1 violations, 3 of 5 pairs of levels, 1:00, "
            f"about {left} left"
        )
    ]


def test_a_line_of_its_own(clock: SimpleNamespace) -> None:
    """Dots of which pytest does not know are left, too."""
    reporter = Reporter(dots=7)
    progress = Progress(reporter, None, every=0.0)
    progress.pytest_xdist_node_collection_finished(["a", "b"])
    progress.pytest_runtest_logreport(ended())
    assert [line[:6] for line in reporter.lines] == ["", "1 of 2"]


def test_no_line_at_the_end(clock: SimpleNamespace) -> None:
    """The summary follows the last item: no line is printed for it."""
    reporter = Reporter()
    progress = Progress(reporter, None)
    progress.pytest_collection_finish(SimpleNamespace(items=[1]))  # type: ignore[arg-type]
    clock.seconds = 100
    progress.pytest_runtest_logreport(ended(cases=1))
    assert reporter.lines == []
