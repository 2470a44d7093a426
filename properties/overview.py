"""What a page says of a report.json, whatever it is written in: `markdown` and `page` share it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from properties.outcome import Record, titled
from properties.summary import described_device


@dataclass(frozen=True)
class Row:
    """One property against everything that it was run on.

    `used` is the largest share of the bound; `remarks` say what is not as it should be.
    """

    name: str
    cases: int
    seconds: float
    used: float
    failed: bool
    remarks: Sequence[str]


def rows(items: Iterable[Record]) -> list[Row]:
    """Return a row for each property, in the order of the report."""
    groups: dict[str, list[Record]] = {}
    for item in items:
        groups.setdefault(titled(item["property"]), []).append(item)
    return [
        Row(
            name,
            sum(item["cases"] for item in group),
            sum(item["seconds"] for item in group),
            max(item["used"] for item in group),
            any(item["outcome"] == "failed" for item in group),
            [remark for item in group for remark in _remarks(item)],
        )
        for name, group in groups.items()
    ]


def _remarks(item: Record) -> list[str]:
    told = []
    if "violation" in item:
        told.append(f"violated by {item['target']}")
    elif "unverified" in item:
        told.append(f"not verified for {item['target']}: {item['unverified']}")
    elif item["outcome"] == "failed":
        told.append(f"an error of the suite, for {item['target']}")
    if "skipped" in item:
        told.append(f"not verified for {item['target']}: {item['skipped']}")
    if item["fast"]:
        told.append(f"{item['fast']} results of a declared fast algorithm ({item['target']})")
    if lost := item.get("inconclusive", 0):
        told.append(f"{lost} cases without a verdict: out of memory ({item['target']})")
    if item["unlikely"]:
        told.append(f"{item['unlikely']} unlikely elements ({item['target']})")
    return told


def defects(items: Iterable[Record]) -> list[tuple[str, str, int]]:
    """Return id, state and number of cases that met it, for each known defect.

    The state is that on record: "there", "FIXED", one for each target where they differ, or empty
    where nothing looked.
    """
    states: dict[str, dict[str, str]] = {}
    met: dict[str, int] = {}
    for item in items:
        for name, state in item["defects"].items():
            states.setdefault(name, {})[item["target"]] = state
        for name, count in item["known"].items():
            met[name] = met.get(name, 0) + count
    return [
        (name, _joined(states.get(name, {})), met.get(name, 0))
        for name in dict.fromkeys([*states, *met])
    ]


def _joined(states: dict[str, str]) -> str:
    if len(set(states.values())) <= 1:
        return next(iter(states.values()), "")
    return ", ".join(f"{state} ({target})" for target, state in states.items())


def facts(report: Record) -> list[tuple[str, str]]:
    """Return what was run, where and with what, as pairs of a name and a value."""
    host = report["host"]
    packages = ", ".join(
        f"{name} {version or '(a checkout)'}" for name, version in host["packages"].items()
    )
    return [
        *((name, described_device(found)) for name, found in report["environment"].items()),
        ("domain", report["domain"]),
        ("profile", f"{report['profile']}, seed {report['seed']}"),
        ("run", f"{report['examples']} cases in {report['seconds']:.0f} s, {report['started']}"),
        ("host", f"{host['system']}, {host['cores']} cores, Python {host['python']}"),
        ("packages", packages),
    ]


def coverages(items: Iterable[Record]) -> list[tuple[str, int, int, dict[str, list[int]]]]:
    """Return target, pairs of levels hit and planned, and both by factors, where there are any."""
    return [
        (item["target"], *item["cells"], item["coverage"]["factors"])
        for item in items
        if "coverage" in item
    ]


def repeats(violation: Record) -> str:
    """Return how a violation behaved in fresh processes."""
    if violation["behaviour"] is None:
        return "not tried again"
    return (
        f"{violation['behaviour']}: seen in {violation['repeats']} of {violation['processes']} "
        "fresh processes"
    )


def named(path: str) -> str:
    """Return the last part of a path: the rest is of another machine."""
    return Path(path).name


def printable(text: str) -> str:
    r"""Return text whose control and format characters, but for line ends and tabs, are escaped.

    Texts of exceptions are the implementation's: an escape sequence, a lone surrogate or a change
    of direction is shown as \x1b, \ud800 or \u202e.
    """
    return "".join(
        c if c in "\n\t" or unicodedata.category(c)[0] != "C" else _escaped(c) for c in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
