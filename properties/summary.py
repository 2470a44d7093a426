"""What a person reads: the header above the run, the table below it, and report.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from properties.plugin import report_path

if TYPE_CHECKING:
    from properties.session import Session

SCHEMA = 1
FLAGS = ("cudnn.conv.fp32_precision", "cudnn.deterministic", "cudnn.benchmark")
Record = dict[str, Any]


def header(session: Session) -> list[str]:
    """Return implementation, device, versions, flags, profile and seed, a line each."""
    profile, seed = session.profile, session.seed
    seeded = f"seed {seed}" if profile.seed is None else "fixed seeds"
    budget = f", {session.seconds:g} s" if session.seconds is not None else ""
    lines = [f"conv2d-properties: profile {profile.name} ({seeded}{budget})"]
    lines += [f"  {name}: {_device(facts)}" for name, facts in session.facts.items()]
    declared = session.rows.lines() if session.rows is not None else []
    lines += [f"  declared: {line}" for line in declared]
    lines += [f"  large calls of {session.large:g} GiB"] if session.large else []
    return [*lines, f"  domain: {session.domain}"]


def _device(facts: Record) -> str:
    parts = [f"torch {facts.get('torch')}"]
    if "cudnn" in facts:
        parts += [str(facts["device_name"]), f"CUDA {facts['cuda']}", f"cuDNN {facts['cudnn']}"]
        parts += [f"{flag}={facts[flag]}" for flag in FLAGS]
    else:
        parts += [f"oneDNN {facts.get('onednn')}", f"{facts.get('cpu')}"]
    return ", ".join(parts)


def records(reporter: Any) -> list[Record]:
    """Return the record of every property item that ran, here or in an xdist worker."""
    found = []
    for reports in reporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "call":
                continue
            record = dict(report.user_properties).get("conv2d")
            if record is not None:
                found.append({**record, "outcome": report.outcome, "nodeid": report.nodeid})
    return sorted(found, key=lambda record: str(record["nodeid"]))


def close(session: Session, reporter: Any, exit_status: int) -> None:
    """Print the closing table and write report.json."""
    found = records(reporter)
    reporter.section("conv2d-properties")
    for line in [*table(found), *remarks(session, found)]:
        reporter.write_line(line)
    path = report_path(session.config)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(report(session, found, exit_status), indent=1, default=str) + "\n"
        )
    except OSError as error:
        reporter.write_line(f"report.json could not be written: {error}", red=True)
    else:
        reporter.write_line(f"report: {path}")


def table(found: Iterable[Record]) -> list[str]:
    """Return a line per property: cases, seconds, largest share of the bound, state."""
    found = list(found)
    if not found:
        return ["no property ran: nothing was verified"]
    rows: dict[str, list[Record]] = {}
    for record in found:
        rows.setdefault(str(record["property"]), []).append(record)
    width = max(len(name) for name in rows) - len("test_")
    lines = [f"{'property':<{width}}  cases  seconds  largest share of the bound used"]
    for name, group in rows.items():
        ran = [record for record in group if "skipped" not in record]
        cases, seconds = sum(r["cases"] for r in ran), sum(r["seconds"] for r in ran)
        used = max((r["used"] for r in ran), default=0.0)
        failed = [r["target"] for r in group if r["outcome"] == "failed"]
        state = f"  FAILED for {', '.join(failed)}" if failed else ""
        title = name.removeprefix("test_").replace("_", " ")
        lines.append(f"{title:<{width}}  {cases:>5}  {seconds:>7.1f}  {used:.3f}{state}")
    return lines


def remarks(session: Session, found: list[Record]) -> list[str]:
    """Return what the table does not say: totals, domain, skips, known defects, devices."""
    ran = [record for record in found if "skipped" not in record]
    targets = ", ".join(dict.fromkeys(str(record["target"]) for record in found))
    lines = [f"{sum(r['cases'] for r in ran)} cases on {targets}; domain: {session.domain}"]
    for record in found:
        if "skipped" in record:
            name = str(record["property"]).removeprefix("test_").replace("_", " ")
            lines.append(f"not verified for {record['target']}: {name}, {record['skipped']}")
    known: dict[str, int] = {}
    for record in ran:
        for name, count in record["known"].items():
            known[name] = known.get(name, 0) + count
    lines += [f"known defect {name}: met in {known[name]} cases" for name in known]
    lines += [f"{note} ({r['target']})" for r in ran for note in r["notes"]]
    for record in ran:
        found_cells, planned = record["cells"]
        if planned:
            share = f"{found_cells} of {planned} pairs of levels"
            lines.append(f"coverage of {record['target']}: {share}")
    fast, unlikely = (sum(record[name] for record in ran) for name in ("fast", "unlikely"))
    if fast:
        lines.append(
            f"fast algorithms: {fast} results miss the direct bound and meet the normwise one that "
            "is declared"
        )
    if unlikely:
        lines.append(
            f"warning: {unlikely} elements of random data lie inside their radius, but beyond the "
            "probabilistic bound"
        )
    return lines


def report(session: Session, found: list[Record], exit_status: int) -> Record:
    """Return report.json: schema 1. `ok` needs cases that ran and a run that ended with status 0.

    Other tests of the same run count too: what failed beside a property may be why it passed.
    """
    violations = [record["violation"] for record in found if "violation" in record]
    return {
        "schema": SCHEMA,
        "ok": exit_status == 0 and any(record["cases"] for record in found),
        "exit_status": exit_status,
        "profile": session.profile.name,
        "seed": session.seed,
        "domain": str(session.domain),
        "environment": session.facts,
        "examples": sum(record["cases"] for record in found),
        "violations": violations,
        "items": found,
    }
