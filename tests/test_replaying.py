"""`replay` over folders, recordings and reports, elsewhere too; and `--conv2d-record`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from properties.__main__ import main
from properties.case import Case, Tensor
from properties.implementation import Implementation
from properties.replay import CANNOT_RUN, FAILED, FIXED, replay_all
from properties.rows import parse
from properties.values import Recipe
from tests.plugin_targets import UNBATCHED, property_of, run_pytest

ONES = Recipe("ones")
CASE = Case(Tensor((1, 1, 2, 2), ONES), Tensor((1, 1, 1, 1), ONES))
STOCK, WRONG = "torch.nn.functional:conv2d", "tests.plugin_targets:adds_one"


def entry(target: str) -> dict[str, Any]:
    """Return a case.json that asks for its value."""
    check = {"kind": "call"}
    return {"implementation": target, "device": "cpu", "check": check, "case": CASE.to_json()}


def test_what_a_run_was_told_of_an_implementation_is_kept() -> None:
    """A file holds the claims and the limit that a call was judged with."""
    rows = parse([{"dtype": "float32", "operands": "tf32"}])
    for kept in (
        Implementation(WRONG, "cuda:1", rows, own=True, call_seconds=60.0),
        Implementation("nn.Conv2d"),
    ):
        again = Implementation.from_json(json.loads(json.dumps(kept.to_json())))
        assert (again, again.call_seconds, again.rows) == (kept, kept.call_seconds, kept.rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a case, a recording of two calls, a report of a violation, and junk."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "case.json").write_text(json.dumps(entry(STOCK)))
    lines = [json.dumps(entry(target)) + "\n" for target in (STOCK, WRONG)]
    (tmp_path / "main.jsonl").write_text("".join(lines))
    report = {"schema": 2, "violations": [{"replay": entry(WRONG)}]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    (tmp_path / "junk.json").write_text("[1, 2")
    (tmp_path / "notes.txt").write_text("not a case")
    return tmp_path


def test_a_folder_is_replayed_file_by_file(folder: Path) -> None:
    """Each case of each file has an outcome under its own name; what is no case is told."""
    found = {name: outcome.status for name, outcome in replay_all(folder).items()}
    assert found == {
        f"{folder}/deep/case.json": FIXED,
        f"{folder}/junk.json": CANNOT_RUN,
        f"{folder}/main.jsonl:1": FIXED,
        f"{folder}/main.jsonl:2": FAILED,
        f"{folder}/report.json": FAILED,
    }


def test_cases_are_replayed_on_another_implementation(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--impl` takes the place of what was recorded; the totals and `--json` name every case."""
    written = folder / "out.txt"
    paths = [str(folder / name) for name in ("main.jsonl", "report.json", "junk.json")]
    status = main(["replay", *paths, "--impl", STOCK, "--json", str(written)])
    assert status == CANNOT_RUN
    assert capsys.readouterr().out.splitlines()[-1] == "3 FIXED, 0 FAILED, 1 CANNOT RUN HERE"
    assert json.loads(written.read_text())[f"{folder}/main.jsonl:2"] == "FIXED"


@pytest.mark.parametrize("content", ["", '{"violations": []}'])
def test_nothing_to_replay_is_not_green(tmp_path: Path, content: str) -> None:
    """An empty recording, a report without a violation and an empty folder CANNOT RUN."""
    name = "report.json" if content else "main.jsonl"
    assert replay_all(tmp_path)[str(tmp_path)].status == CANNOT_RUN
    (tmp_path / name).write_text(content)
    assert [found.status for found in replay_all(tmp_path).values()] == [CANNOT_RUN]


def test_a_recorded_run_can_be_replayed(tmp_path: Path) -> None:
    """`--conv2d-record` writes each call of each example, and nothing of an earlier run."""
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded" / "gw7.jsonl").write_text("from an earlier run")
    limits = ("--conv2d-record", "--conv2d-seconds", "2", "--conv2d-impl", "F.conv2d")
    run = run_pytest(tmp_path, property_of(UNBATCHED), *limits)
    assert run.status == 0, run.output
    (path,) = (tmp_path / "recorded").iterdir()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    # The unbatched call, and the batch of one that it must agree with.
    assert len(lines) >= 2 * run.report["examples"] > 0
    assert {line["property"] for line in lines} == {UNBATCHED.partition("::")[2]}
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(line) + "\n" for line in lines[:20]))
    assert {found.status for found in replay_all(few).values()} == {FIXED}
