"""The reports of shards as one report: totals, verdict, coverage, and what is missing."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from properties.__main__ import main
from properties.merging import merge
from tests.test_outcome import SCHEMA

TARGET = "F.conv2d on cpu"
FACTORS = {"dtype x stride": [0, 3], "dtype x bias": [0, 2]}
VIOLATION = {
    "kind": "value", "title": "y[0] = 1 is not 2", "property": "test_a", "target": TARGET,
    "summary": "float32", "case": "", "script": "", "replay": {}, "repeats": 1, "processes": 1,
    "behaviour": "deterministic", "text": "ValueViolation",
    "source": "", "errors": [],
}  # fmt: skip


def item(name: str = "test_a", **changes: Any) -> dict[str, Any]:
    """Return the record of a property that passed."""
    return {
        "property": name, "target": TARGET, "nodeid": f"{name}[x]", "outcome": "passed",
        "cases": 5, "seconds": 1.5, "used": 0.25, "shares": {"float32 output": 0.25},
        "histogram": {}, "digest": "00", "known": {"defect": 1}, "defects": {}, "notes": ["n"],
        "fast": 0, "cells": [0, 0], "unlikely": 0, **changes,
    }  # fmt: skip


def cells(*hit: int, plan: str = "p") -> dict[str, Any]:
    """Return the coverage of a shard that hit some of five cells."""
    bits = np.isin(np.arange(5), hit)
    packed = base64.b64encode(zlib.compress(np.packbits(bits).tobytes())).decode()
    coverage = {"plan": plan, "hit": packed, "factors": FACTORS}
    return {"cells": [len(hit), 5], "coverage": coverage}


def report(shard: str, *items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the green report of a shard."""
    return {
        "schema": 2, "version": "1", "ok": True, "exit_status": 0, "verdict": "verified",
        "reasons": [], "partial": [f"this is shard {shard}"], "shard": shard,
        "started": f"2026-01-0{shard[0]}T00:00:00Z", "seconds": 10.0, "profile": "conv2d-gate",
        "seed": 0, "domain": "everything that is generated",
        "environment": {TARGET: {"python": "3", "torch": "2", "device_name": "cpu", "memory": 1}},
        "host": {"system": "s", "processor": "p", "cores": 1, "python": "3", "packages": {}},
        "examples": sum(entry["cases"] for entry in items),
        "violations": [entry["violation"] for entry in items if "violation" in entry],
        "items": list(items), **changes,
    }  # fmt: skip


def test_shards_add_up() -> None:
    """Cases, time and known defects add; shares are the largest; a green whole is green."""
    one = report(
        "1/2",
        item(used=0.5, shares={"float32 output": 0.5}, defects={"a": "there"}, **cells(0, 1)),
    )
    two = report("2/2", item(defects={"b": "FIXED"}, **cells(2, 3, 4)))
    one["items"][0]["histogram"] = {"float32 output": [0] * 9 + [2], "int8 output": [3] + [0] * 9}
    two["items"][0]["histogram"] = {"float32 output": [1] * 10}
    merged = merge([two, one])
    assert (merged["ok"], merged["exit_status"], merged["partial"]) == (True, 0, [])
    assert (merged["examples"], merged["seconds"], merged["shard"]) == (10, 20.0, None)
    assert merged["started"] == "2026-01-01T00:00:00Z"
    (found,) = merged["items"]
    assert (found["cases"], found["seconds"], found["used"]) == (10, 3.0, 0.5)
    assert (found["shares"], found["known"]) == ({"float32 output": 0.5}, {"defect": 2})
    assert found["histogram"] == {"float32 output": [1] * 9 + [3], "int8 output": [3] + [0] * 9}
    assert found["defects"] == {"a": "there", "b": "FIXED"}
    assert found["notes"] == ["n"]
    assert found["cells"] == [5, 5]
    assert found["coverage"]["factors"] == {"dtype x stride": [3, 3], "dtype x bias": [2, 2]}
    jsonschema.validate(merged, SCHEMA)


def test_coverage_is_judged_of_the_whole() -> None:
    """A pair of levels that no shard hit leaves the run not verified."""
    merged = merge([report("1/2", item(**cells(0, 1))), report("2/2", item(**cells(1, 4)))])
    assert merged["exit_status"] == 5
    assert f"a ({TARGET}): 3 of 5 pairs of levels were hit" in merged["reasons"]


def test_what_had_no_memory_is_judged_of_the_whole() -> None:
    """One case in a hundred of all shards may be lost, wherever it was; a shard's word is none."""
    few = item(cases=40, inconclusive=1, devices=["cuda:1"], outcome="failed", unverified="lost")
    for cases, status in ((59, 0), (58, 5)):
        merged = merge([report("1/2", few), report("2/2", item(cases=cases, devices=["cuda:0"]))])
        assert merged["exit_status"] == status
        (found,) = merged["items"]
        assert (found["inconclusive"], found["devices"]) == (1, ["cuda:0", "cuda:1"])
        assert ("unverified" in found) == bool(status)
        jsonschema.validate(merged, SCHEMA)


def test_a_missing_shard_is_not_green() -> None:
    """The shards that are missing are named, and the run is not verified."""
    merged = merge([report("3/4", item()), report("1/4", item())])
    assert merged["exit_status"] == 5
    assert merged["reasons"] == ["shard 2/4 is missing", "shard 4/4 is missing"]


def test_a_violation_of_one_shard_is_the_runs() -> None:
    """A violation in one shard makes the whole red, whatever the others say."""
    bad = item(outcome="failed", violation=VIOLATION)
    red = report("1/2", bad, ok=False, exit_status=1, verdict="violations")
    merged = merge([red, report("2/2", item())])
    assert (merged["exit_status"], len(merged["violations"])) == (1, 1)
    assert merged["items"][0]["outcome"] == "failed"


@pytest.mark.parametrize(("status", "verdict"), [(2, "interrupted"), (3, "internal error")])
def test_a_shard_that_did_not_end_is_told(status: int, verdict: str) -> None:
    """A shard that was interrupted or broke leaves the whole without a verdict."""
    broken = report("1/2", item(), ok=False, exit_status=status, verdict=verdict)
    merged = merge([broken, report("2/2", item())])
    assert merged["exit_status"] == 3
    assert f"shard 1/2: {verdict}" in merged["reasons"][0]


def test_what_one_shard_did_not_see_another_may() -> None:
    """A property without a case in one shard is verified by the others; in all of them it is not.

    A skipped one is skipped only if it was so everywhere.
    """
    vain = item("test_b", outcome="failed", unverified="the property saw no case", cases=0)
    idle = item("test_c", outcome="skipped", skipped="outside the domain", cases=0)
    both = merge([report("1/2", vain, idle), report("2/2", item("test_b"), item("test_c"))])
    assert both["exit_status"] == 0, both["reasons"]
    assert not {"skipped", "unverified"} & {*both["items"][0], *both["items"][1]}
    neither = merge([report("1/2", vain, item()), report("2/2", vain, item())])
    assert neither["exit_status"] == 5


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (report("2/2", seed=1), "`seed` is 0 and 1"),
        (report("2/2", version="2"), "`version` is 1 and 2"),
        (report("1/2"), "shard 1 is there 2 times"),
        (report("2/3"), "they are shards of [2, 3]"),
        (report("2/2", item(**cells(plan="q"))), "they planned different pairs of levels"),
    ],
)
def test_reports_of_two_runs_are_refused(
    other: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reports that are not of one run are a usage error, and the difference is named."""
    for name, data in (("1", report("1/2", item(**cells()))), ("2", other)):
        (tmp_path / f"report{name}.json").write_text(json.dumps(data))
    assert main(["merge", str(tmp_path)]) == 4
    assert said in capsys.readouterr().err


def test_the_merged_report_is_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`merge` prints the table and the verdict, writes the report, and ends with its status."""
    (tmp_path / "report.json").write_text(json.dumps(report("1/2", item())))
    assert main(["merge", str(tmp_path), "--json", str(tmp_path / "whole.json")]) == 5
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["not verified (exit status 5)", "  shard 2/2 is missing"]
    assert json.loads((tmp_path / "whole.json").read_text())["exit_status"] == 5


def test_there_must_be_a_report(tmp_path: Path) -> None:
    """An empty folder is a usage error."""
    assert main(["merge", str(tmp_path)]) == 4
