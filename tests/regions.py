"""`python -m tests.regions [CALLS] [--only ID]`: how much of a known defect's region really fails.

Draws calls inside each region, runs them on stock torch, and prints how many show the defect. A
region of which less than half fails is too wide: it would excuse what it should not. Not so one of
invalid calls: all that it excuses is that a call with just these edits is answered. Nor one of
calls that damage the heap, which does not always show.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from properties.case import Case
from properties.domain import FACTORS, Domain, activated
from properties.implementation import ON_REQUEST
from properties.known import KnownDefect
from properties.placing import specials
from properties.replay import recheck
from properties.spares import Spares
from properties.stock import STOCK
from properties.strategies import cases
from properties.subject import Subject
from properties.violations import Violation
from tests.killing import subject_of

DRAWS, ROUNDS = 4000, 12


def main(arguments: list[str]) -> int:
    """Print a line per known defect; the exit status is 1 if a region is too wide."""
    parser = argparse.ArgumentParser(prog="python -m tests.regions")
    parser.add_argument("calls", type=int, nargs="?", default=40)
    parser.add_argument("--only", action="append", metavar="ID", help="of a known defect")
    options = parser.parse_args(arguments)
    spares, wide = Spares(), 0
    for defect in STOCK:
        if options.only and defect.id not in options.only:
            continue
        subject = subject_for(defect, spares)
        found: Counter[str] = Counter()
        with activated(subject.domain):
            calls = [
                (case, check)
                for case in inside(defect, options.calls)
                for check in shown(defect, case)
            ]
        for case, check in calls:
            try:
                recheck(subject, case, check)
            except Violation as violation:
                found[violation.kind] += 1
        kinds = {defect.kind, *defect.shows_as}
        failed = sum(count for kind, count in found.items() if kind in kinds)
        # "pair" is told element by element: its region need not say where it shows.
        is_told = (
            defect.edits or defect.kind == "pair" or (defect.kind == "crash" and not defect.avoid)
        )
        wide += not is_told and 2 * failed < len(calls)
        print(f"{defect.id}: {failed} of {len(calls)} calls in the region fail, {dict(found)}")
        subject.runner.close()
    spares.close()
    return 1 if wide else 0


def subject_for(defect: KnownDefect, spares: Spares) -> Subject:
    """Return torch's function, or its module where padding modes are meant, in the region's modes.

    Modes that are drawn on request only are asked for.
    """
    name = "nn.Conv2d" if "padding_mode" in defect.region else "F.conv2d"
    asked = tuple(set(ON_REQUEST) & set(defect.region.get("mode", ())))
    return subject_of(name, spares, Domain({"mode": asked}) if asked else Domain())


def shown(defect: KnownDefect, case: Case) -> list[dict[str, Any]]:
    """Return what may show the defect on a call: of invalid calls each edit of its names."""
    form = "module" if "padding_mode" in defect.region else "function"
    return defect.checks(case, form, "cpu")


def inside(defect: KnownDefect, wanted: int) -> list[Case]:
    """Return up to `wanted` different calls that the defect covers."""
    only: dict[str, Any] = {"passes": ("forward",)}
    only |= {factor: allowed for factor, allowed in defect.region.items() if factor in FACTORS}
    if only.pop("derivatives", ()) == ("second",):
        only |= {"derivative": "second", "passes": ("input+weight",), "mode": ("eager",)}
        only["bias"] = ("no",)
    found: dict[str, Case] = {}

    def keep(case: Case) -> None:
        if len(found) < wanted and defect.covers(case):
            found[case.key] = case

    for number in range(ROUNDS):
        if len(found) < wanted:
            run = settings(
                max_examples=DRAWS,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(specials() if "numbers" in defect.region else cases(**only))(keep))
            seed(number)(run)()
    return list(found.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
