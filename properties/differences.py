"""Two runs, or two fingerprints, side by side: what changed from the first to the second.

For an upgrade of torch, cuDNN or a driver, or for two commits of a kernel.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from properties.outcome import Record, subject_of

MOVED = 0.1  # of the bound: shares that differ by less are not listed
PASSING = ("memory",)  # facts of a moment


@dataclass
class Differences:
    """Sentences under headings; `worse` if the second run violates what the first did not."""

    sections: dict[str, list[str]] = field(default_factory=dict)
    worse: bool = False

    def __str__(self) -> str:
        told = {title: lines for title, lines in self.sections.items() if lines}
        text = [f"{title}\n" + "\n".join(f"  {line}" for line in told[title]) for title in told]
        return "\n".join(text) or "no difference"


def read(path: Path) -> tuple[str, Any]:
    """Return "report" or "fingerprint" and what is in the file; ValueError for anything else."""
    try:
        text = path.read_text()
        lines = [json.loads(line) for line in text.splitlines()] if _is_lines(text) else []
        if lines and all("rows" in line for line in lines):
            return "fingerprint", lines
        data = json.loads(text)
        if isinstance(data, dict) and "items" in data:
            return "report", data
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error
    raise ValueError(f"{path}: neither a report.json nor a fingerprint")


def _is_lines(text: str) -> bool:
    return all(line.startswith("{") and line.endswith("}") for line in text.splitlines())


def compare(before: Record, after: Record, moved: float = MOVED) -> Differences:
    """Compare two reports."""
    found = Differences()
    old, new = _violations(before), _violations(after)
    found.worse = bool(new.keys() - old.keys())
    found.sections = {
        "verdict": _pair(before["verdict"], after["verdict"]),
        "environment": list(_environment(before, after)),
        "new violations": [text for key, text in new.items() if key not in old],
        "violations that are gone": [text for key, text in old.items() if key not in new],
        "known defects": list(_defects(before, after)),
        "shares of the bound used": list(_shares(before, after, moved)),
        "what was run": list(_runs(before, after)),
    }
    return found


def compare_fingerprints(before: list[Record], after: list[Record]) -> Differences:
    """Compare two fingerprints; `worse` if there is any difference in what was measured."""
    found = Differences()
    old, new = _measured(before), _measured(after)
    changed = [
        f"{name}: {old.get(name, 'not measured')} -> {new.get(name, 'not measured')}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]
    facts = [
        dict(_flat({line["implementation"]: line["facts"] for line in f})) for f in (before, after)
    ]
    found.sections = {
        "environment": list(_changed(*facts)),
        "arithmetic": changed,
    }
    found.worse = bool(changed)
    return found


def _measured(lines: Iterable[Record]) -> dict[str, str]:
    rows = {f"{line['implementation']} on {line['device']}": line["rows"] for line in lines}
    return dict(_flat(rows))


def _facts(lines: Iterable[Record]) -> dict[str, str]:
    return dict(_flat({line["implementation"]: line["facts"] for line in lines}))


def _flat(data: Any, name: str = "") -> Iterable[tuple[str, str]]:
    """Yield the leaves of nested dictionaries, each with its path."""
    if not isinstance(data, Mapping):
        yield name, str(data)
        return
    for key, value in data.items():
        yield from _flat(value, f"{name}, {key}" if name else str(key))


def _pair(before: object, after: object) -> list[str]:
    return [f"{before} -> {after}"] if before != after else []


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterable[str]:
    for name in dict.fromkeys([*before, *after]):
        if name.rpartition(", ")[2] not in PASSING and before.get(name) != after.get(name):
            yield f"{name}: {before.get(name, 'none')} -> {after.get(name, 'none')}"


def _environment(before: Record, after: Record) -> Iterable[str]:
    for part in ("environment", "host"):
        yield from _changed(dict(_flat(before[part])), dict(_flat(after[part])))
    for name in ("version", "profile", "seed", "domain"):
        yield from (f"{name}: {line}" for line in _pair(before[name], after[name]))


def _violations(report: Record) -> dict[tuple[str, ...], str]:
    """Return the violations by what tells one defect from another: a shrunk call may differ."""
    return {
        (v["target"], v["property"], v["kind"]): f"{v['kind']} in {subject_of(v)}: {v['title']}"
        for v in report["violations"]
    }


def _defects(before: Record, after: Record) -> Iterable[str]:
    old, new = (
        {name: state for item in report["items"] for name, state in item["defects"].items()}
        for report in (before, after)
    )
    return _changed(old, new)


def _shares(before: Record, after: Record, moved: float) -> Iterable[str]:
    old, new = (_largest(report) for report in (before, after))
    for name in (name for name in old if name in new):
        if abs(new[name] - old[name]) > moved:
            yield f"{name}: {old[name]:.3f} -> {new[name]:.3f}"


def _largest(report: Record) -> dict[str, float]:
    shares: dict[str, float] = {}
    for item in report["items"]:
        for what, share in item["shares"].items():
            name = f"{item['target']}, {what}"
            shares[name] = max(shares.get(name, 0.0), share)
    return dict(sorted(shares.items()))


def _runs(before: Record, after: Record) -> Iterable[str]:
    old, new = ({subject_of(i): i for i in report["items"]} for report in (before, after))
    for title in dict.fromkeys([*old, *new]):
        if title not in new or title not in old:
            yield f"{title}: only in the {'first' if title in old else 'second'} run"
        elif old[title]["digest"] != new[title]["digest"]:
            yield f"{title}: other inputs, {old[title]['cases']} -> {new[title]['cases']} cases"
