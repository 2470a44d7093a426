"""What an injection is, where it happens, and what came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from properties.case import Case
from properties.spares import Spares
from properties.violations import KINDS

NAMES = {cls.__name__: kind for kind, cls in KINDS.items()}


@dataclass(frozen=True)
class Scene:
    """An empty folder, the mark of all processes that start there, and workers to use."""

    directory: Path
    mark: str
    spares: Spares


@dataclass(frozen=True)
class Ended:
    """Exit status, the kinds of violation that were reported, and what the terminal showed."""

    status: int
    kinds: frozenset[str] = frozenset()
    output: str = ""


@dataclass(frozen=True)
class Injection:
    """A name, what is injected, and the only right outcome; `says` is in what is shown."""

    name: str
    inject: Callable[[Scene], Ended]
    status: int
    kinds: tuple[str, ...] = ()
    says: str = ""


def reported(directory: Path, output: str) -> frozenset[str]:
    """Return the kinds of violation that a run has left: in its report, or else on the terminal.

    And those seen in items that did not end, whose files must be whole cases.
    """
    path = directory / "report.json"
    if path.exists():
        kinds = {str(found["kind"]) for found in json.loads(path.read_text())["violations"]}
    else:
        kinds = set(_shown(output))
    for seen in (directory / "unended").glob("*.json"):
        data = json.loads(seen.read_text())
        Case.from_json(data["case"])
        kinds.add(data["violation"])
    return frozenset(kinds)


def _shown(output: str) -> Iterable[str]:
    return (NAMES[name] for name in re.findall(r"^(\w+Violation): ", output, re.MULTILINE))
