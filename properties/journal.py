"""What was seen in an item that has not ended: a case on disk, in case that it never does.

A killed process takes with it what it knows. So the first violation of an item is written the
moment it is seen, unshrunk, and taken away when the item ends with a finished one. What is still
there when the run is over was lost on the way, and counts. A file carries the run's name: another
run in the same folder has its own, and no clock is asked.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from properties.finish import case_data, shortened

if TYPE_CHECKING:
    from properties.subject import Subject
    from properties.violations import Violation

FOLDER = "unended"


class Journal:
    """The file of one item of a run; there is none before a violation."""

    def __init__(self, directory: Path, run: str, subject: Subject, name: str) -> None:
        self._folder, self._run = directory / FOLDER, run
        self._subject, self._name = subject, name
        self._path: Path | None = None

    def write(self, violation: Violation) -> None:
        """Write a violation as `replay` reads it; a disk that takes nothing must not hide it."""
        subject = self._subject
        data = case_data(violation, subject.implementation, subject.runner.facts, self._name)
        path = self._folder / f"{self._run}-{os.getpid()}-{violation.case.key[:8]}.json"
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._path = path  # what is cut by a full disk still counts
            path.write_text(json.dumps(data, indent=1) + "\n")

    def close(self) -> None:
        """Take the file away: the item has ended, and says itself what was found."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()


def unended(directory: Path, run: str) -> list[str]:
    """Return a text for each violation that this run saw in an item that did not end."""
    return [_told(path) for path in sorted((directory / FOLDER).glob(f"{run}-*.json"))]


def _told(path: Path) -> str:
    try:
        data = json.loads(path.read_text())
        seen = f"{data['title']} ({data['property']})"
    except (OSError, ValueError):
        return f"one that could not be written down whole: {shortened(path)}"
    return f"{seen}; python -m properties replay {shortened(path)}"
