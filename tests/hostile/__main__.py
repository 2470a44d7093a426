"""`python -m tests.hostile [NAME ...]`: each hostile implementation through pytest and `verify`.

Prints the kinds of violation that each run reported, its exit status and time, and whether a
process was left behind. Ends with status 1 if any run lost its report, missed the kind, or took
four times its budget. All of them take about an hour.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from properties.verification import run_pytest, verify
from tests.hostile import HOSTILE, Hostile

SECONDS = 20.0
LIMIT = 4 * SECONDS  # a run ends in less than two budgets on a machine that does nothing else
TESTS = "value_lies or gradients_lie or owns_its_memory"


def main(names: list[str]) -> int:
    """Run those that are named, or all that are to be caught."""
    missed = 0
    for hostile in HOSTILE:
        if not hostile.kind or (names and hostile.name not in names):
            continue
        for way, run in (("pytest", _through_pytest), ("verify", _through_verify)):
            before, began = _workers(), time.monotonic()
            with tempfile.TemporaryDirectory() as directory:
                status, kinds = run(hostile, Path(directory))
            took = time.monotonic() - began
            left = len(_workers() - before)
            found_it = bool(kinds & {hostile.kind, hostile.also})
            good = status == 1 and found_it and not left and took < LIMIT
            missed += not good
            found = ", ".join(sorted(kinds)) or "nothing"
            print(
                f"{'ok  ' if good else 'LOST'} {hostile.name:<28} {way}: exit {status}, {found}"
                f" (to find: {hostile.kind}), {took:.0f} s, {left} processes left",
                flush=True,
            )
    return 1 if missed else 0


def _through_pytest(hostile: Hostile, directory: Path) -> tuple[int, set[str]]:
    path = directory / "report.json"
    arguments = ["--conv2d-impl", hostile.target, "--conv2d-device", "cpu", "-k", TESTS]
    arguments += ["--conv2d-seconds", str(SECONDS), "--conv2d-report", str(path)]
    status, _ = run_pytest(arguments)
    data = json.loads(path.read_text()) if path.exists() else {"violations": []}
    return status, {str(entry["kind"]) for entry in data["violations"]}


def _through_verify(hostile: Hostile, directory: Path) -> tuple[int, set[str]]:
    report = verify(hostile.target, device="cpu", seconds=SECONDS, directory=directory)
    return report.exit_status, {found.kind for found in report.violations}


def _workers() -> set[str]:
    """Return the orphans that run or were forked from a worker of this project."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            orphan = "\nPPid:\t1\n" in (path / "status").read_text()
            if orphan and b"properties.worker" in (path / "cmdline").read_bytes():
                found.add(path.name)
        except OSError:
            continue
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
