"""The subcommands that read what runs have left: `merge`, `diff`, `summary` and `html`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from properties.differences import MOVED, compare, compare_fingerprints, read
from properties.markdown import markdown
from properties.merging import merge
from properties.outcome import Status
from properties.replay import UNREADABLE
from properties.report import SCHEMA, write
from properties.summary import closing, remarks, table


def add_to(commands: Any) -> None:
    """Add the subcommands to those of `python -m properties`."""
    merged = commands.add_parser(
        "merge",
        help="make one report of those of the shards",
        description="Make one report.json of those of all shards of a run, judge its coverage, and "
        "say what is missing. The exit status is that of the run; 4 for reports of several runs.",
    )
    merged.set_defaults(run=partial(_guarded, _merge))
    merged.add_argument("report", type=Path, nargs="+", help="report.json, or a folder of them")
    merged.add_argument("--json", type=Path, metavar="PATH", help="write the report here")
    two = commands.add_parser(
        "diff",
        help="compare two runs, or two fingerprints",
        description="Say what changed from the first report.json, or fingerprint, to the second: "
        "of two torch builds, say. Exit status: 1 if the second violates what the first did not, "
        "or if a fingerprint changed, else 0; 4 for files that are neither.",
    )
    two.set_defaults(run=partial(_guarded, _diff))
    two.add_argument("before", type=Path)
    two.add_argument("after", type=Path)
    two.add_argument(
        "--moved", type=float, default=MOVED, metavar="SHARE",
        help="list shares of the bound that differ by more (default: %(default)s)",
    )  # fmt: skip
    two.add_argument("--json", type=Path, metavar="PATH", help="write the sections here")
    told = commands.add_parser("summary", help="tell again what a report.json says")
    told.set_defaults(run=partial(_guarded, _summary))
    told.add_argument("report", type=Path)
    told.add_argument("--markdown", action="store_true", help="as a page for $GITHUB_STEP_SUMMARY")
    drawn = commands.add_parser(
        "html",
        help="draw a report.json as one page of HTML",
        description="Draw a report.json as one page of HTML that needs nothing else; exit status 4 "
        "without the packages of the extra `html`.",
    )
    drawn.set_defaults(run=partial(_guarded, _html))
    drawn.add_argument("report", type=Path)
    drawn.add_argument("-o", "--output", type=Path, metavar="PATH", help="default: beside it")


def _guarded(command: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command; status 4 for a file that it cannot read, 3 for one that it cannot write."""
    try:
        return command(options)
    except ValueError as error:
        print(error, file=sys.stderr)
    except (*UNREADABLE, zlib.error) as error:
        reason = f"{type(error).__name__}: {error}"
        print(f"not a report that this version reads: {reason}", file=sys.stderr)
    except OSError as error:
        print(error, file=sys.stderr)
        return Status.BROKEN
    return Status.USAGE


def _merge(options: argparse.Namespace) -> int:
    paths = [
        found
        for path in options.report
        for found in (sorted(path.rglob("report*.json")) if path.is_dir() else [path])
    ]
    if not paths:
        raise ValueError("there is no report to merge")
    report = merge([_report(path) for path in paths])
    if options.json:
        write(report, options.json)
    for line in [*table(report["items"]), *closing(report)]:
        print(line)
    return int(report["exit_status"])


def _report(path: Path) -> dict[str, Any]:
    kind, data = read(path)
    if kind != "report" or data.get("schema") != SCHEMA:
        raise ValueError(f"{path}: not a report.json of schema {SCHEMA}")
    return dict(data)


def _diff(options: argparse.Namespace) -> int:
    (kind, before), (other, after) = read(options.before), read(options.after)
    if kind != other:
        raise ValueError(f"{options.before} is a {kind}, {options.after} a {other}")
    if kind == "report":
        found = compare(before, after, options.moved)
    else:
        found = compare_fingerprints(before, after)
    print(found)
    if options.json:
        options.json.write_text(json.dumps(found.sections, indent=1) + "\n")
    return 1 if found.worse else 0


def _summary(options: argparse.Namespace) -> int:
    report = _report(options.report)
    if options.markdown:
        print(markdown(report))
        return 0
    items = report["items"]
    for line in [*table(items), *remarks(report["domain"], items), *closing(report)]:
        print(line)
    return 0


def _html(options: argparse.Namespace) -> int:
    try:
        page = importlib.import_module("properties.page")
    except ModuleNotFoundError as error:
        extra = "pip install 'conv2d-properties[html]'"
        print(f"{error.name} is not installed; a page needs it: {extra}", file=sys.stderr)
        return 4
    report = _report(options.report)
    path = options.output or options.report.with_suffix(".html")
    path.write_text(page.page(report), encoding="utf-8")
    print(path)
    return 0
