"""Two runs side by side: what the second found, lost, moved, and ran with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from properties.__main__ import main
from properties.differences import compare, compare_fingerprints
from tests.test_merging import TARGET, VIOLATION, item, report

PLAIN = report("1/1", item())
BAD = item(outcome="failed", violation=VIOLATION)
RED = report("1/1", BAD, verdict="violations")


def test_a_run_is_as_itself() -> None:
    """Nothing differs from itself."""
    found = compare(RED, RED)
    assert str(found) == "no difference"
    assert not found.worse


def test_new_violations_make_it_worse() -> None:
    """A violation of the second run alone is new, of the first alone is gone."""
    found = compare(PLAIN, RED)
    assert found.worse
    text = f"value in a ({TARGET}): y[0] = 1 is not 2"
    assert found.sections["new violations"] == [text]
    assert found.sections["verdict"] == ["verified -> violations"]
    back = compare(RED, PLAIN)
    assert not back.worse
    assert back.sections["violations that are gone"] == [text]


def test_shares_that_moved_are_listed() -> None:
    """A largest share of the bound that moved by more than a tenth is listed, others are not."""
    moved = item(shares={"float32 output": 0.5, "float32 input": 0.11})
    before = item(shares={"float32 output": 0.25, "float32 input": 0.1})
    found = compare(report("1/1", before), report("1/1", moved))
    lines = found.sections["shares of the bound used"]
    assert lines == [f"{TARGET}, float32 output: 0.250 -> 0.500"]


def test_environments_are_compared() -> None:
    """Another torch is told; the memory that is free at the moment is not."""
    facts = {TARGET: {**PLAIN["environment"][TARGET], "torch": "3", "memory": 2}}
    found = compare(PLAIN, {**PLAIN, "environment": facts})
    assert found.sections["environment"] == [f"{TARGET}, torch: 2 -> 3"]


def test_what_was_run_is_compared() -> None:
    """Properties of one run alone, and other inputs, are told: they explain other findings."""
    found = compare(PLAIN, report("1/1", item(digest="11", cases=9), item("test_b")))
    assert found.sections["what was run"] == [
        f"a ({TARGET}): other inputs, 5 -> 9 cases",
        f"b ({TARGET}): only in the second run",
    ]


def test_known_defects_are_compared() -> None:
    """A known defect that is FIXED in the second run is told."""
    there, fixed = (item(defects={"d": state}) for state in ("there", "FIXED"))
    found = compare(report("1/1", there), report("1/1", fixed))
    assert found.sections["known defects"] == ["d: there -> FIXED"]
    assert not found.worse


def fingerprint(bits: int) -> dict[str, Any]:
    """Return a line of a fingerprint file."""
    rows = {"float32": {"output": {"operand bits": {"measured": bits}}}}
    facts = {"torch": "2"}
    return {"schema": 1, "implementation": "F", "device": "cpu", "facts": facts, "rows": rows}


def test_fingerprints_are_compared() -> None:
    """A measured width that changed is told by its path, and makes the second worse."""
    found = compare_fingerprints([fingerprint(24)], [fingerprint(11)])
    line = "F on cpu, float32, output, operand bits, measured: 24 -> 11"
    assert found.sections["arithmetic"] == [line]
    assert found.worse
    assert not compare_fingerprints([fingerprint(24)], [fingerprint(24)]).worse


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (PLAIN, RED, 1),
        (RED, PLAIN, 0),
        (fingerprint(24), fingerprint(11), 1),
        (PLAIN, fingerprint(24), 4),
        (PLAIN, {}, 4),
        (PLAIN, [], 4),
    ],
)
def test_files_are_compared(before: Any, after: Any, status: int, tmp_path: Path) -> None:
    """`diff` ends with 1 for a worse second run, 0 for any other, 4 for files that are neither."""
    paths = tmp_path / "before.json", tmp_path / "after.json"
    for path, data in zip(paths, (before, after), strict=True):
        path.write_text(json.dumps(data) + "\n")
    assert main(["diff", *map(str, paths)]) == status
