"""`python -m tests.faults [TRIALS]`: which precision faults are seen, by which of the checks.

A trial is one seed: all checks of the strategies' kinds, on one kernel. It is caught if any of them
fails. Behind each row are the most telling checks, with the percentage of trials in which they
failed; a `+` marks those that the strategies do not draw, which do not count. Then correct kernels,
which sum in every order: false alarms are failed checks of either sort. The exit status is 1 if a
trial was missed or a check failed falsely.
"""

from __future__ import annotations

import sys
import time

from tests.faults.catalogue import FAULTS
from tests.faults.checks import SHAPES
from tests.faults.table import Row, measured

TRIALS = 10
LEAST_TRIALS = 3
SHOWN = 3
MOST_TERMS = 2**14  # of one row, together: long sums get fewer trials


def main(arguments: list[str]) -> int:
    """Print the table; return the exit status."""
    trials, began, missed, alarms = (
        int(arguments[0]) if arguments else TRIALS,
        time.monotonic(),
        0,
        0,
    )
    for dtype in FAULTS:
        for n in SHAPES:
            rows, orders = measured(dtype, n, _seeds(trials, n))
            for row in rows:
                print(_line(dtype, n, row), flush=True)
                missed += row.trials - row.caught
            for name, (checks, failed) in orders.items():
                print(
                    f"{dtype:9} {'correct, ' + name:33} n={n:<4} {checks:3} checks, "
                    f"{len(failed)} false alarms {', '.join(failed)}"
                )
                alarms += len(failed)
    print(f"{missed} trials missed, {alarms} false alarms, {time.monotonic() - began:.0f} s")
    return 1 if missed or alarms else 0


def _seeds(trials: int, n: int) -> range:
    return range(max(min(trials, LEAST_TRIALS), min(trials, MOST_TERMS // n)))


def _line(dtype: str, n: int, row: Row) -> str:
    share = f"{100 * row.caught / row.trials:.0f} %"
    checks = ", ".join(
        f"{name} {100 * count / row.trials:.0f}" for name, count in row.checks[:SHOWN]
    )
    return f"{dtype:9} {row.fault:33} n={n:<4} {row.trials:3} trials {share:>5}  {checks}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
