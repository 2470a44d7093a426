"""`python -m tests.campaign CASES [TARGET ...]`: many random cases, each judged on all it returns.

Half of the cases ask for gradients. Outside of the known defects a violation is a false alarm or a
find. Prints cases, rate, the largest share of the bound used per dtype, and every violation.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

from hypothesis import HealthCheck, Phase, given, seed, settings

from properties import known
from properties.case import Case
from properties.child import Spares
from properties.domain import activated
from properties.search import Search
from properties.strategies import cases
from properties.violations import Violation
from tests.killing import subject_of

BATCH = 2000  # examples per Hypothesis run: its own memory grows with them


def main(arguments: list[str]) -> int:
    """Run the campaign; the exit status is 1 if any case violated."""
    total, targets = int(arguments[0]), arguments[1:] or ["F.conv2d"]
    spares = Spares()
    found = 0
    for target in targets:
        found += campaign(target, total, spares)
    spares.close()
    return 1 if found else 0


def campaign(target: str, total: int, spares: Spares) -> int:
    """Judge `total` different cases of one implementation; return the number of violations."""
    subject = subject_of(target, spares)
    used: dict[str, float] = {}
    seen: set[str] = set()
    violations: list[Violation] = []
    met: Counter[str] = Counter()
    began = time.monotonic()

    def judged(case: Case) -> None:
        if case.key in seen or len(seen) >= total:
            return
        seen.add(case.key)
        subject.search = Search()
        try:
            subject.trial({"case": case}, lambda: _discard(subject.check(case)))
        except Violation as violation:
            violations.append(violation)
            print(violation, flush=True)
        met.update(subject.search.known)
        used[case.dtype] = max(used.get(case.dtype, 0.0), subject.search.used)

    round_ = 0
    while len(seen) < total:
        round_ += 1
        for strategy in (cases(passes=("forward",)), cases()):
            run = settings(
                max_examples=BATCH,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(strategy)(judged))
            with activated(subject.domain), known.activated(subject.defects):
                seed(round_)(run)()
        rate = len(seen) / (time.monotonic() - began)
        print(
            f"{target}: {len(seen)} cases, {rate:.0f}/s, {len(violations)} violations", flush=True
        )
    shares = ", ".join(f"{dtype} {share:.4f}" for dtype, share in sorted(used.items()))
    print(f"{target}: largest share of the bound used: {shares}; known defects met: {dict(met)}")
    subject.runner.close()
    return len(violations)


def _discard(result: object) -> None:
    """Take a result that nobody needs."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
