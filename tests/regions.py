"""`python -m tests.regions [CALLS]`: how much of each known defect's region really fails.

Draws calls inside each region, runs them on stock torch, and prints how many show the defect. A
region of which less than half fails is too wide: it would excuse what it should not.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from properties.case import Case
from properties.child import Spares
from properties.domain import FACTORS, activated
from properties.known import KnownDefect
from properties.placing import specials
from properties.stock import STOCK
from properties.strategies import cases
from properties.violations import Violation
from tests.killing import subject_of

DRAWS, ROUNDS = 4000, 12


def main(arguments: list[str]) -> int:
    """Print a line per known defect; the exit status is 1 if a region is too wide."""
    wanted = int(arguments[0]) if arguments else 40
    spares, wide = Spares(), 0
    subject = subject_of("F.conv2d", spares)
    for defect in STOCK:
        found: Counter[str] = Counter()
        with activated(subject.domain):
            calls = inside(defect, wanted)
        for case in calls:
            try:
                subject.check(case)
            except Violation as violation:
                found[violation.kind] += 1
        kinds = {defect.kind, *defect.shows_as}
        shown = sum(count for kind, count in found.items() if kind in kinds)
        # "pair" is told element by element: its region need not say where it shows.
        wide += 2 * shown < len(calls) and defect.kind != "pair"
        print(f"{defect.id}: {shown} of {len(calls)} calls in the region fail, {dict(found)}")
    subject.runner.close()
    spares.close()
    return 1 if wide else 0


def inside(defect: KnownDefect, wanted: int) -> list[Case]:
    """Return up to `wanted` different calls that the defect covers."""
    only: dict[str, Any] = {"passes": ("forward",)}
    only |= {factor: allowed for factor, allowed in defect.region.items() if factor in FACTORS}
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
