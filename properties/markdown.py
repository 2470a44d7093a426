"""A report.json as a page of GitHub's markdown: for $GITHUB_STEP_SUMMARY and for comments.

What an implementation says - the text of its exceptions - is on the page and must not shape it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from properties.outcome import Record, titled
from properties.overview import (
    Row,
    coverages,
    defects,
    facts,
    named,
    printable,
    repeats,
    rows,
)

LONGEST = 20_000  # characters of a script or text; what is cut says so
MOST = 800_000  # bytes: GitHub shows a summary of 1 MiB, and none beyond


def markdown(report: Record) -> str:
    """Return the page: verdict, reasons and environment, then whatever is worth a look."""
    parts = [_head(report)]
    size = len(parts[0].encode())
    rest = ["\n".join(lines) for lines in (_worth(report), _defects(report), _partial(report))]
    for count, violation in enumerate(report["violations"]):
        part = _violation(violation)
        size += len(part.encode())
        if size > MOST:
            parts.append(f"{len(report['violations']) - count} more are in report.json.\n")
            break
        parts.append(part)
    return "\n".join([*parts, *filter(None, rest)])


def inline(text: object) -> str:
    """Return text that is one line and nothing but text, in a paragraph, a table or HTML.

    Numeric entities cannot begin a construct of markdown or HTML, whatever they stand for.
    """
    line = " ".join(printable(str(text)).split())
    return re.sub(
        r"[^\w ,.()=+:-]|(?<![^\W_])_|_(?![^\W_])", lambda found: f"&#{ord(found[0])};", line
    )


def fenced(text: str, language: str = "") -> str:
    """Return a block of code; its fence is longer than any run of backticks in it."""
    shown = printable(text)
    if len(shown) > LONGEST:
        shown = f"{shown[:LONGEST]}\n... {len(shown) - LONGEST} characters more"
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{shown.rstrip()}\n{fence}\n"


def _head(report: Record) -> str:
    mark = "✅" if report["ok"] else "❌"
    status = report["exit_status"]
    lines = [f"## {mark} conv2d-properties: {inline(report['verdict'])} (exit status {status})", ""]
    lines += [f"- {inline(reason)}" for reason in dict.fromkeys(report["reasons"])]
    lines += ["", "| | |", "|---|---|"]
    lines += [f"| {inline(name)} | {inline(value)} |" for name, value in facts(report)]
    return "\n".join([*lines, ""])


def _violation(violation: Record) -> str:
    script = inline(named(violation["script"]) or "the script")
    told = ", ".join((titled(violation["property"]), violation["target"], repeats(violation)))
    lines = [
        f"### {inline(violation['title'])}",
        inline(told),
        f"The case: {inline(violation['summary'])}",
        f"<details><summary>The violation, and {script}, which needs torch alone</summary>",
        fenced(violation["text"], "text"),
        fenced(violation["source"], "python"),
        "</details>",
    ]
    return "\n\n".join(lines) + "\n"


def _worth(report: Record) -> Iterator[str]:
    every = rows(report["items"])
    worth = sorted((row for row in every if row.failed or row.remarks), key=lambda r: not r.failed)
    rest = [row for row in every if not (row.failed or row.remarks)]
    if worth:
        yield "| property | cases | largest share of the bound | |"
        yield "|---|--:|--:|---|"
        yield from map(_line, worth)
        yield ""
    if rest:
        cases, used = sum(row.cases for row in rest), max(row.used for row in rest)
        more = "other " if worth else ""
        yield (
            f"{len(rest)} {more}properties hold in {cases} cases; the largest share of the bound "
            f"that one used is {used:.3f}.\n"
        )


def _line(row: Row) -> str:
    remarks = "<br>".join(map(inline, row.remarks))
    return f"| {inline(row.name)} | {row.cases} | {row.used:.3f} | {remarks} |"


def _defects(report: Record) -> Iterator[str]:
    found = defects(report["items"])
    if not found:
        return
    fixed = sum("FIXED" in state for _, state, _ in found)
    yield f"<details><summary>{len(found)} known defects, {fixed} of them FIXED</summary>"
    yield "\n| known defect | its own case | met in cases |\n|---|---|--:|"
    for name, state, met in found:
        yield f"| {inline(name)} | {inline(state)} | {met} |"
    yield "\n</details>\n"


def _partial(report: Record) -> Iterator[str]:
    for target, hit, planned, _ in coverages(report["items"]):
        yield f"- coverage of {inline(target)}: {hit} of {planned} pairs of levels"
    for reason in report["partial"]:
        yield f"- partial run: {inline(reason)}"
