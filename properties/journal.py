"""What was seen in an item that has not ended: a case on disk, in case that it never does.

A killed process takes with it what it knows. So the first violation of an item is written the
moment it is seen, unshrunk, and taken away when the item ends with a finished one. What is still
there when the run is over was lost on the way, and counts.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from properties.finish import case_data, shortened, write_case

if TYPE_CHECKING:
    from properties.subject import Subject
    from properties.violations import Violation

FOLDER = "unended"


class Journal:
    """The file of one item; there is none before a violation."""

    def __init__(self, directory: Path, subject: Subject, name: str) -> None:
        self._folder, self._subject, self._name = directory / FOLDER, subject, name
        self._path: Path | None = None

    def write(self, violation: Violation) -> None:
        """Write a violation as `replay` reads it; a disk that takes nothing must not hide it."""
        subject = self._subject
        data = case_data(violation, subject.implementation, subject.runner.facts, self._name)
        with contextlib.suppress(OSError):
            self._path = write_case(data, violation.case, self._folder)

    def close(self) -> None:
        """Take the file away: the item has ended, and says itself what was found."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def unended(directory: Path, since: float) -> list[str]:
    """Return a text for each violation seen `since` (time.time()) in an item that did not end."""
    texts = []
    for path in sorted((directory / FOLDER).glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if path.stat().st_mtime >= since:
                data = json.loads(path.read_text())
                texts.append(
                    f"{data['title']} ({data['property']}); "
                    f"python -m properties replay {shortened(path)}"
                )
    return texts
