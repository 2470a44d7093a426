"""`finish`: from a shrunk violation to one that is repeated, plain, and filed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from properties import finish as finish_module
from properties.child import Child
from properties.domain import Domain
from properties.finish import finish
from properties.replay import recheck
from properties.runner import Runner
from properties.search import Search
from properties.subject import Subject
from properties.values import Recipe
from properties.violations import ValueViolation, Violation
from tests.killing import Recycling
from tests.plugin_targets import CASE, VALUE


class Counted(Recycling):
    """Workers that are used again, and how many were asked for."""

    taken = 0

    def take(self, device: str, memory: int) -> Child:
        """Count and take a worker."""
        self.taken += 1
        return super().take(device, memory)


@pytest.fixture(scope="module")
def spares() -> Iterator[Counted]:
    """Return the workers that the tests of this module share."""
    workers = Counted()
    yield workers
    workers.close()


@pytest.fixture
def subject(spares: Counted) -> Iterator[Subject]:
    """Return an implementation whose every value is wrong."""
    runner = Runner(VALUE.target, spares)
    runner.start()
    yield Subject(VALUE.target, runner, Domain())
    runner.close()


def finished(subject: Subject, directory: Path, deadline: float | None = None) -> Violation:
    """Return the finished violation of a call, whose item has until `deadline`."""
    subject.search = Search(deadline)
    with pytest.raises(ValueViolation) as caught:
        recheck(subject, CASE, VALUE.check)
    return finish(caught.value, subject, "test_of_something", directory)


def test_only_the_first_of_a_kind_is_repeated_after_the_time(
    subject: Subject, spares: Counted, tmp_path: Path
) -> None:
    """Out of time, the first of a kind still gets its fresh process, the next one does without.

    Which it says; case and script are written all the same. In time each gets one.
    """
    late = time.monotonic() - 1.0
    records, processes = [], []
    for name, deadline in (("first", late), ("second", late), ("third", None)):
        before = spares.taken
        violation = finished(subject, tmp_path / name, deadline)
        processes.append(spares.taken - before)
        records.append(violation.record)
        assert Path(violation.record["case"]).is_relative_to(tmp_path / name)
        assert Path(violation.record["case"]).exists()
        assert Path(violation.record["script"]).exists()
    assert processes == [1, 0, 1]
    assert [record["repeats"] for record in records] == [1, None, 1]
    assert [record["behaviour"] for record in records] == ["deterministic", None, "deterministic"]
    assert ["not tried: the time was up" in r["text"] for r in records] == [False, True, False]


@pytest.mark.parametrize(("seconds", "plain"), [(60.0, True), (-1.0, False)])
def test_plainer_values_are_sought_while_there_is_time(
    seconds: float, plain: bool, subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn values give way to ones while that is quick, and stay where it is not."""
    monkeypatch.setattr(finish_module, "MAX_SECONDS", seconds)
    monkeypatch.setattr(finish_module, "REPEATS", 1)  # each costs a process
    case = finished(subject, tmp_path).case
    assert (case.input.values == Recipe("ones")) is plain
    assert (case.input.values == CASE.input.values) is not plain


def test_a_wrong_value_is_mapped(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record shows the plane of the worst element and holds the text of the script."""
    monkeypatch.setattr(finish_module, "REPEATS", 1)  # each costs a process
    violation = finished(subject, tmp_path)
    (errors,) = violation.record["errors"]
    height, width = violation.case.output_shape[-2:]
    rows = [[float(word) for word in row.split()] for row in errors["rows"]]
    assert errors["shape"] == [height, width]
    assert [len(row) for row in rows] == [width] * height
    assert min(map(min, rows)) > 1.0  # one is added to every element
    assert violation.record["source"] == Path(violation.record["script"]).read_text()
