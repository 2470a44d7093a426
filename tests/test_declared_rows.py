"""Declared rows go wherever a violation goes: into its case.json, and into its script."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from properties import finish as finish_module
from properties import violations as v
from properties.domain import Domain
from properties.finish import finish
from properties.implementation import Implementation
from properties.replay import CANNOT_RUN, FAILED, FIXED, recheck, replay
from properties.repro import script
from properties.rows import parse
from properties.runner import Runner
from properties.subject import Subject
from tests.killing import Recycling
from tests.plugin_targets import CALL, CASE
from tests.sequence_targets import problems

HALF = ({"dtype": "float32", "operands": "bfloat16"},)
ROUNDED = Implementation("tests.plugin_targets:rounds_its_operands")


def test_a_declared_row_goes_with_the_case(
    spares: Recycling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is right by its declared row stays so in replay and script, and wrong by the strict one.

    The case of a violation carries the rows of its implementation.
    """
    monkeypatch.setattr(finish_module, "REPEATS", 1)  # each costs a process
    declared = replace(ROUNDED, rows=parse(HALF))
    text = script(v.ValueViolation("y[0] = 1.0 is not 2.0", CASE), declared)
    assert problems(text, tmp_path, ROUNDED.target) == []
    strict = script(v.ValueViolation("y[0] = 1.0 is not 2.0", CASE), ROUNDED)
    assert problems(strict, tmp_path, ROUNDED.target) != []
    own = Runner(ROUNDED, spares)
    subject = Subject(declared, own, Domain())
    recheck(subject, CASE, CALL)
    subject.search.steps.clear()
    found = finish(v.ValueViolation("y[0] = 1.0 is not 2.0", CASE), subject, "test_x", tmp_path)
    own.close()
    data = json.loads(Path(found.record["case"]).read_text())
    assert data["arithmetic"] == list(HALF)
    path = tmp_path / "case.json"
    path.write_text(json.dumps(data))
    assert replay(path, spares)[0] == FIXED
    del data["arithmetic"]
    path.write_text(json.dumps(data))
    assert replay(path, spares)[0] == FAILED
    others: tuple[Any, ...] = ([{"dtype": "float8"}], [{}], 3, [3])
    for other in others:
        path.write_text(json.dumps({**data, "arithmetic": other}))
        assert replay(path, spares)[0] == CANNOT_RUN
