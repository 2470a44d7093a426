"""A report.json as one page of HTML that works offline and on paper; needs the extra `html`.

The page holds no script, and forbids any: what an implementation says is on it, escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from properties import drawings
from properties.merging import stacked
from properties.outcome import Record, titled
from properties.overview import coverages, defects, facts, named, printable, repeats, rows

SLOWEST = 10
LEAST = 6  # pairs of factors that are named where some cells are missing


def page(report: Record) -> str:
    """Return the page."""
    items = report["items"]
    every = rows(items)
    return _environment().get_template("page.html.jinja").render(
        report=report,
        reasons=list(dict.fromkeys(report["reasons"])),
        facts=facts(report),
        violations=[_violation(found) for found in report["violations"]],
        coverages=[_coverage(*found) for found in coverages(items)],
        histogram=_histogram(items),
        rows=every,
        remarkable=[row for row in every if row.failed or row.remarks],
        slowest=sorted(every, key=lambda row: -row.seconds)[:SLOWEST],
        defects=defects(items),
        bands=drawings.BANDS,
    )  # fmt: skip


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """Return what the template puts out: any text but our own markup without control characters."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _picture(svg: str) -> Markup:
    """Return a picture as markup: matplotlib has escaped the texts in it."""
    return Markup(svg)


def _violation(found: Record) -> Record:
    maps = [
        {**errors, "picture": _picture(drawings.errors(errors["rows"], errors["origin"]))}
        for errors in found["errors"]
    ]
    return {
        **found,
        "property": titled(found["property"]),
        "script": named(found["script"]),
        "behaviour": repeats(found),
        "maps": maps,
    }


def _coverage(
    target: str, hit: int, planned: int, factors: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    short = sorted((some for some in factors.items() if some[1][0] < some[1][1]), key=_share)
    return {
        "target": target,
        "hit": hit,
        "planned": planned,
        "picture": _picture(drawings.coverage(factors)),
        "least": short[:LEAST],
    }


def _share(entry: tuple[str, Sequence[int]]) -> float:
    return entry[1][0] / entry[1][1]


def _histogram(items: Sequence[Record]) -> Markup | None:
    total = stacked(item["histogram"] for item in items)
    return _picture(drawings.histograms(total)) if total else None
