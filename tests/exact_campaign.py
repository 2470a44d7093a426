"""`python -m tests.exact_campaign PROBLEMS`: exact sums against Python's integers, at random.

Each problem compares the output and the three gradients bit for bit. Prints, per kind of values,
how many problems and elements, how many elements are subnormal, infinite or zero, and every
mismatch; the exit status is 1 if there is one.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.reference.exactness import KINDS, Hard, hard_problems, mismatches, results

TINY = np.finfo(np.float64).tiny


def main(arguments: list[str]) -> int:
    """Share the problems out among the kinds; return 1 if any element mismatched."""
    each = -(-int(arguments[0]) // len(KINDS))
    total = sum((campaign(kind, each) for kind in KINDS), Counter[str]())
    print("all:", ", ".join(f"{count} {name}" for name, count in total.items()))
    return 1 if total["mismatches"] else 0


def campaign(kind: str, problems: int) -> Counter[str]:
    """Compare that many different problems of one kind; return the counts."""
    counts: Counter[str] = Counter()
    seen: set[str] = set()

    def compared(problem: Hard) -> None:
        if len(seen) >= problems or repr(problem) in seen:
            return
        seen.add(repr(problem))
        for line in mismatches(problem):
            counts["mismatches"] += 1
            print(line, flush=True)
        values = np.concatenate([array.ravel() for array in results(problem)])
        magnitudes = np.abs(values)
        counts.update(
            {
                "problems": 1,
                "elements": values.size,
                "subnormal": int(((magnitudes > 0) & (magnitudes < TINY)).sum()),
                "infinite": int(np.isinf(values).sum()),
                "zero": int((values == 0).sum()),
            }
        )

    round_ = 0
    while len(seen) < problems:
        round_ += 1
        run = settings(
            max_examples=min(problems, 1000),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(hard_problems(kind))(compared))
        seed(round_)(run)()
    print(f"{kind}:", ", ".join(f"{count} {name}" for name, count in counts.items()), flush=True)
    return counts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
