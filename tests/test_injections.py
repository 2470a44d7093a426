"""Whatever dies around a run: no violation lost, none invented, no process left, the right status.

The fourth claim is that nothing of the suite's own insides shows: a sentence, never a traceback.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.injections.files import READERS, read, report
from tests.injections.processes import MARK, end, left_behind
from tests.injections.scene import Injection, Scene
from tests.injections.table import TABLE
from tests.killing import Recycling


@pytest.mark.parametrize("injection", TABLE, ids=lambda injection: injection.name)
def test_what_comes_of_it(
    injection: Injection, spares: Recycling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documented exit status, these kinds of violation and no other, and nothing left."""
    mark = secrets.token_hex(8)
    monkeypatch.setenv(MARK, mark)
    try:
        ended = injection.inject(Scene(tmp_path, mark, spares))
        left = left_behind(mark, spares.own)
    finally:
        end(left_behind(mark, spares.own, patience=0.0))
    assert ended.status == injection.status, ended.output
    assert ended.kinds == frozenset(injection.kinds), ended.output
    assert injection.says in ended.output
    assert "Traceback" not in ended.output, ended.output
    assert left == []


def test_files_are_read_where_nothing_is_wrong(tmp_path: Path, spares: Recycling) -> None:
    """What the hostile files are made of is a report that every command reads."""
    names = [reader[0] for reader in READERS]
    ended = read(report(), *names)(Scene(tmp_path, "", spares))
    assert ended.status == 4, ended.output  # each ended with 0


def test_the_table_is_long_and_its_names_are_unique() -> None:
    """At least forty injections, each under a name of its own."""
    assert len({injection.name for injection in TABLE}) == len(TABLE) >= 40
