"""report.json: all that a run leaves for other programs; `report.schema.json` describes it.

Schema 2 adds to schema 1 and renames nothing: `verdict`, `reasons`, `partial`, `version`,
`started`, `seconds`, `host`; `replay`, `source` and `errors` in each violation; `histogram`,
`defects` and `coverage` in each item.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from properties.outcome import Outcome, Record

if TYPE_CHECKING:
    from properties.session import Session

SCHEMA = 2
PACKAGES = ("conv2d-properties", "torch", "numpy", "hypothesis", "pytest", "pytest-xdist")


def compose(session: Session, records: list[Record], outcome: Outcome) -> Record:
    """Return report.json as a dictionary; `ok` is exit status 0 and nothing else."""
    return {
        "schema": SCHEMA,
        "version": installed()["conv2d-properties"],
        "ok": outcome.status == 0,
        "exit_status": int(outcome.status),
        "verdict": str(outcome.status),
        "reasons": outcome.reasons,
        "partial": partial(session, records),
        "shard": None if session.shard.whole else str(session.shard),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(session.started)),
        "seconds": round(time.time() - session.started, 1),
        "profile": session.profile.name,
        "seed": session.seed,
        "domain": str(session.domain),
        "own": session.own,
        "environment": session.facts,
        "host": host(),
        "examples": sum(record["cases"] for record in records),
        "violations": [record["violation"] for record in records if "violation" in record],
        "items": records,
    }


def host() -> Record:
    """Return the machine and the versions of what judged."""
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "packages": installed(),
    }


def installed() -> dict[str, str]:
    """Return the version of each package that takes part; empty for a plain checkout."""
    found = dict.fromkeys(PACKAGES, "")
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def partial(session: Session, records: list[Record]) -> list[str]:
    """Return why this run is not the whole gate, a sentence each; nothing of that fails it."""
    ran = {record["property"] for record in records}
    every = properties_of_the_gate()
    reasons = []
    if left := len(every - ran):
        reasons.append(f"{left} of {len(every)} properties were not asked for")
    if session.seconds is not None and session.profile.seed is not None:
        reasons.append(f"the search was limited to {session.seconds:g} s")
    if not session.shard.whole:
        return [*reasons, shard_reason(session.shard)]
    for record in records:
        hit, planned = record["cells"]
        if hit < planned and "unverified" not in record and "violation" not in record:
            short = f"the time was up at {hit} of {planned} pairs of levels"
            reasons.append(f"{short} ({record['target']})")
    return reasons


def shard_reason(shard: object) -> str:
    """Return why the run of one shard is not a whole gate."""
    return f"this is shard {shard}"


def properties_of_the_gate() -> set[str]:
    """Return the name of every property, read off the sources: importing them costs seconds."""
    return {
        line.removeprefix("def ").partition("(")[0]
        for path in Path(__file__).parent.glob("test_*.py")
        for line in path.read_text().splitlines()
        if line.startswith("def test_")
    }


def make_room(path: Path) -> None:
    """Take an earlier report away; ValueError for what is no file: a folder, /dev/null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a file that a report may replace")
    path.unlink(missing_ok=True)


def write(report: Record, path: Path) -> None:
    """Write a report under another name first, so that nobody ever reads half of one; OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(report, indent=1, default=str) + "\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
