"""What a person reads: the header above the run, the table below it, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from properties.journal import unended
from properties.outcome import Record, Results, titled
from properties.plugin import HERE, report_path

if TYPE_CHECKING:
    from properties.session import Session

FLAGS = ("cudnn.conv.fp32_precision", "cudnn.deterministic", "cudnn.benchmark")


def header(session: Session) -> list[str]:
    """Return implementation, device, versions, flags, profile and seed, a line each."""
    profile, seed = session.profile, session.seed
    seeded = f"seed {seed}" if profile.seed is None else "fixed seeds"
    budget = f", {session.seconds:g} s" if session.seconds is not None else ""
    shard = "" if session.shard.whole else f", shard {session.shard}"
    lines = [f"conv2d-properties: profile {profile.name} ({seeded}{budget}{shard})"]
    for name, facts in session.facts.items():
        lines.append(f"  {name}: {described_device(facts)}")
        if len(several := facts.get("devices", ())) > 1:
            lines.append(
                f"  {name}: workers take {', '.join(several)} in turn, one process the first"
            )
    lines += [f"  {session.room}"] if session.room else []
    declared = session.rows.lines() if session.rows is not None else []
    lines += [f"  declared: {line}" for line in declared]
    lines += ["  own: no convolution of torch's may run"] if session.own else []
    lines += [f"  a call may take {session.call_seconds:g} s"] if session.call_seconds else []
    lines += [f"  large calls of {session.large:g} GiB"] if session.large else []
    return [*lines, f"  domain: {session.domain}"]


def described_device(facts: Record) -> str:
    """Return builds, device and flags that a worker read back."""
    parts = [f"torch {facts.get('torch')}"]
    if "cudnn" in facts:
        parts += [str(facts["device_name"]), f"CUDA {facts['cuda']}", f"cuDNN {facts['cudnn']}"]
        parts += [f"driver {facts['driver']}"] if facts.get("driver") else []
        parts += [f"{flag}={facts[flag]}" for flag in FLAGS]
    else:
        parts += [f"oneDNN {facts.get('onednn')}", f"{facts.get('cpu')}"]
    return ", ".join(parts)


def results(session: Session, reporter: Any) -> Results:
    """Return how every item ended, here or in an xdist worker."""
    records: list[Record] = []
    lost: list[str] = []
    failed: list[str] = []
    passed = 0
    for report in (report for reports in reporter.stats.values() for report in reports):
        outcome, when = getattr(report, "outcome", None), getattr(report, "when", None)
        record = dict(getattr(report, "user_properties", ())).get("conv2d")
        if record is not None:
            if when == "call":
                records.append({**record, "outcome": outcome, "nodeid": report.nodeid})
        elif outcome == "failed":
            ours = (session.config.rootpath / report.fspath).is_relative_to(HERE)
            (lost if ours else failed).append(report.nodeid)
        else:
            passed += outcome == "passed" and when == "call"
    records.sort(key=lambda record: str(record["nodeid"]))
    return Results(records, lost, failed, passed, unended(session.directory, session.run))


def close(session: Session, reporter: Any, report: Record) -> None:
    """Print the closing table and the verdict."""
    found = report["items"]
    reporter.section("conv2d-properties")
    for line in [*table(found), *remarks(report["domain"], found)]:
        reporter.write_line(line)
    reporter.write_line(f"report: {report_path(session.config)}")
    for line in closing(report):
        reporter.write_line(line, bold=True, red=not report["ok"], green=report["ok"])


def closing(report: Record) -> list[str]:
    """Return what ends every summary: what was left out, the verdict, and the reasons for it."""
    verdict = f"{report['verdict']} (exit status {report['exit_status']})"
    left = [f"partial run: {reason}" for reason in report["partial"]]
    return [*left, verdict, *(f"  {reason}" for reason in dict.fromkeys(report["reasons"]))]


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
        if lost := sum(r.get("inconclusive", 0) for r in ran):
            state += f"  {lost} more inconclusive: out of memory"
        lines.append(f"{titled(name):<{width}}  {cases:>5}  {seconds:>7.1f}  {used:.3f}{state}")
    return lines


def remarks(domain: str, found: list[Record]) -> list[str]:
    """Return what the table does not say: totals, domain, skips, known defects, devices."""
    ran = [record for record in found if "skipped" not in record]
    targets = ", ".join(dict.fromkeys(str(record["target"]) for record in found))
    lines = [f"{sum(r['cases'] for r in ran)} cases on {targets}; domain: {domain}"]
    lines += ran_on(ran)
    for record in found:
        if "skipped" in record:
            name = titled(record["property"])
            lines.append(f"not verified for {record['target']}: {name}, {record['skipped']}")
    known: dict[str, int] = {}
    for record in ran:
        for name, count in record["known"].items():
            known[name] = known.get(name, 0) + count
    lines += [f"known defect {name}: met in {known[name]} cases" for name in known]
    notes: dict[str, list[str]] = {}
    for record in ran:
        for note in record["notes"]:
            notes.setdefault(note, []).append(str(record["target"]))
    lines += [f"{note} ({', '.join(told)})" for note, told in notes.items()]
    for record in ran:
        found_cells, planned = record["cells"]
        if planned:
            share = f"{found_cells} of {planned} pairs of levels"
            lines.append(f"coverage of {record['target']}: {share}")
    if lost := sum(record.get("inconclusive", 0) for record in ran):
        whole = lost + sum(record["cases"] for record in ran)
        lines.append(f"inconclusive: {lost} of {whole} cases ran out of memory, alone too")
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


def ran_on(found: Iterable[Record]) -> list[str]:
    """Return a line for each target whose name leaves open which devices it ran on: those."""
    counts: dict[str, Counter[str]] = {}
    for record in found:
        counts.setdefault(str(record["target"]), Counter()).update(record.get("devices", ()))
    return [
        f"{target} ran on {', '.join(f'{name} ({several[name]})' for name in sorted(several))}"
        for target, several in counts.items()
        if any(not target.endswith(f" on {name}") for name in several)
    ]
