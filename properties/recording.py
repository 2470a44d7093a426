"""`--conv2d-record`: every call of a run as a line of JSON, which `replay` reads."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from properties.case import Case
from properties.implementation import Implementation

FOLDER = "recorded"


class Recording:
    """The file of this process; one line for each call, in order.

    `lost` says why calls are missing, "" if none is: a full disk must hide no violation.
    """

    def __init__(self, directory: Path) -> None:
        self.lost = ""
        name = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self._path = directory / FOLDER / f"{name}.jsonl"
        self._path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, calls: Sequence[Case], implementation: Implementation, name: str) -> None:
        """Append the calls of one example of a property."""
        known = {
            "schema": 1,
            "property": name,
            **implementation.to_json(),
            "check": {"kind": "call"},
        }
        lines = [json.dumps({**known, "case": case.to_json()}) + "\n" for case in calls]
        try:
            with self._path.open("a") as file:
                file.writelines(lines)
        except OSError as error:
            self.lost = f"calls could not be recorded: {error}"


def clear(directory: Path) -> None:
    """Take away what an earlier run recorded."""
    for path in (directory / FOLDER).glob("*.jsonl"):
        path.unlink()


def read(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what a file asks to be replayed: of a case, of a recording, or of a whole report.

    Raises ValueError for a file that is none of them.
    """
    text = path.read_text()
    if path.suffix == ".jsonl":
        yield from (json.loads(line) for line in text.splitlines())
        return
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("neither a case nor a report")
    yield from (v["replay"] for v in data["violations"]) if "violations" in data else (data,)
