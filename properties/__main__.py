"""Command line: `python -m properties verify`, `fingerprint`, `replay`, or what reads reports."""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path
from typing import Any

from properties import report_commands
from properties.fingerprint import fingerprint
from properties.implementation import Implementation
from properties.losses import CannotStart, Inconclusive, NotLoadable
from properties.names import require_own_names
from properties.outcome import Status
from properties.replay import CANNOT_RUN, FAILED, FIXED, Outcome, replay_all
from properties.rows import Rows, load
from properties.runner import Runner
from properties.signals import interrupted_by_sigterm
from properties.verification import Interrupted, verify

LISTED = 100  # replayed cases that are told one by one though they are FIXED


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m properties", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("verify", help="check every property of an implementation")
    run.set_defaults(run=_verify)
    run.add_argument("implementation", metavar="PKG.MOD:NAME")
    run.add_argument("--device", action="append", metavar="DEVICE")
    run.add_argument("--seconds", type=float, metavar="S")
    run.add_argument("--only", action="append", default=[], metavar="FACTOR=LEVEL")
    run.add_argument("--profile", metavar="NAME")
    run.add_argument("-n", "--workers", default="0", metavar="N", help="as pytest-xdist's -n")
    run.add_argument("--json", type=Path, metavar="PATH", help="write report.json here too")
    table: dict[str, Any] = {
        "type": Path,
        "metavar": "FILE.toml",
        "help": "the arithmetic that is declared",
    }
    run.add_argument("--arithmetic", **table)
    run.add_argument(
        "--own", action="store_true", help="a convolution of torch's that runs in it is a violation"
    )
    run.add_argument(
        "--call-seconds", type=float, default=0.0, metavar="S", help="what a call may take"
    )
    again = commands.add_parser(
        "replay",
        help="run cases again, in a fresh process",
        description="Run what was found or recorded again. Exit status: 0 if every case is FIXED, "
        "1 if one FAILED, 5 if one of them CANNOT RUN HERE.",
    )
    again.set_defaults(run=_replay)
    again.add_argument(
        "path", type=Path, nargs="+", help="case.json, report.json, recorded *.jsonl, or a folder"
    )
    again.add_argument("--impl", metavar="PKG.MOD:NAME", help="in place of the recorded one")
    again.add_argument("--device", metavar="DEVICE", help="in place of the recorded one")
    again.add_argument("--json", type=Path, metavar="PATH", help="write the outcomes here")
    report_commands.add_to(commands)
    measure = commands.add_parser(
        "fingerprint",
        help="measure the arithmetic of an implementation, beside the declared one",
        description="Measure, by probes alone, which arithmetic an implementation uses per dtype "
        "and result, and print it beside the declared row. Exit status: 0 if nothing measured is "
        "looser than declared, 1 if something is or a call failed, 4 if an implementation or "
        "device cannot be opened.",
    )
    measure.set_defaults(run=_fingerprint)
    measure.add_argument("implementation", nargs="*", default=["F.conv2d"], metavar="PKG.MOD:NAME")
    measure.add_argument("--device", default="cpu", metavar="DEVICE")
    measure.add_argument("--arithmetic", **table)
    measure.add_argument(
        "--json", type=Path, metavar="PATH", help="write the measurements here, a line for each"
    )
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = parser().parse_args(arguments)
    interrupted_by_sigterm()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # files hold what no terminal can show
    try:
        require_own_names()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 4
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return Status.INTERRUPTED
    return status


def _verify(options: argparse.Namespace) -> int:
    try:
        report = verify(
            options.implementation,
            device=options.device,
            seconds=options.seconds,
            only=options.only,
            profile=options.profile,
            workers=options.workers,
            arithmetic=options.arithmetic,
            own=options.own,
            call_seconds=options.call_seconds,
        )
    except Interrupted as interrupted:
        report = interrupted.report
    except ValueError as error:
        print(error, file=sys.stderr)
        return 4
    print(report)
    status = 0 if report.ok else report.exit_status or 1
    return _also(options.json, json.dumps(report.data, indent=1) + "\n", status)


def _also(path: Path | None, text: str, status: int) -> int:
    """Write a file that was asked for; return the exit status, not 0 if that cannot be done."""
    try:
        if path is not None:
            path.write_text(text)
    except OSError as error:
        print(error, file=sys.stderr)
        return status or Status.BROKEN
    return status


def _replay(options: argparse.Namespace) -> int:
    names = {FIXED: "FIXED", FAILED: "FAILED", CANNOT_RUN: "CANNOT RUN HERE"}
    outcomes: dict[str, Outcome] = {}
    for path in options.path:
        outcomes |= replay_all(path, options.impl, options.device)
    statuses = [outcome.status for outcome in outcomes.values()]
    for outcome in outcomes.values():
        # Of a recording, thousands are as they should be.
        if outcome.status != FIXED or len(outcomes) <= LISTED:
            print(outcome.text)
    if len(outcomes) > 1:
        print(", ".join(f"{statuses.count(s)} {name}" for s, name in names.items()))
    plain = {name: names[outcome.status] for name, outcome in outcomes.items()}
    status = FAILED if FAILED in statuses else max(statuses, default=CANNOT_RUN)
    return _also(options.json, json.dumps(plain, indent=1) + "\n", status)


def _fingerprint(options: argparse.Namespace) -> int:
    found = []
    try:
        rows = load(options.arithmetic) if options.arithmetic else Rows()
        for target in options.implementation:
            implementation = Implementation(target, options.device, rows)
            with Runner(implementation) as runner:
                found.append(fingerprint(implementation, runner))
            print(found[-1])
    except (ValueError, NotLoadable, CannotStart, Inconclusive) as error:
        print(error, file=sys.stderr)
        return 4
    lines = "".join(json.dumps(f.to_json()) + "\n" for f in found)
    return _also(options.json, lines, 1 if any(f.looser for f in found) else 0)


if __name__ == "__main__":
    sys.exit(main())
