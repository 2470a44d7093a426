"""`python -m tests.power`: how many mutants die, by what, and after how many cases.

Each mutant goes through the gate's properties until the first violation, on real dtypes, with the
gate's own seed, 0. With another seed what found it then is asked first, and counted behind as many
cases as then; the rest only if that passes. Beside the suite stands what else is used to test a
convolution: PyTorch's OpInfo samples (also strided, and its errors) and 300 uniform random calls in
all layouts, both judged by `assert_close` against torch as PyTorch judges, and ONNX's node tests
with their own tolerances. A call that ends the process is found by whoever makes it.
What `--json` holds already is not measured again: a run may be ended and resumed. Needs the extra
`benchmarks`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mutants import MUTANTS, Mutant
from tests.power import baselines, suite
from tests.power.report import ALL, Record, Results, tables

Task = tuple[str, Mutant, int]  # a method, a mutant and a seed


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.power")
    parser.add_argument("--seeds", type=int, default=10, help="how many, from 0 on")
    parser.add_argument("--json", type=Path, help="where results are kept")
    parser.add_argument("--only", action="append", metavar="NAME", help="of a mutant")
    parser.add_argument("--limit", type=int, help="measure no more than so many mutants now")
    parser.add_argument("--jobs", type=int, default=1, help="processes for the suite")
    parser.add_argument("--methods", nargs="+", choices=ALL, default=ALL)
    options = parser.parse_args(arguments)
    unknown = set(options.only or ()) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error(f"no mutant is named {', '.join(sorted(unknown))}")
    chosen = [m for m in MUTANTS if not options.only or m.name in options.only]
    results = Results(options.json)
    seeds = {m: seeds_of(m, options.seeds) for m in options.methods}
    alarms = [m for m in seeds if m in baselines.METHODS and baselines.alarm(m, seeds[m])]
    if alarms:
        print(f"{', '.join(alarms)}: stock torch itself differs from torch here")
        return 1
    measure(results, chosen, options)
    for line in tables(results, chosen):
        print(line)
    return 0


def seeds_of(method: str, count: int) -> range:
    """Return the seeds that a method is measured with: what others wrote varies too little."""
    return range(count if method in ("suite", "uniform") else 1)


def measure(results: Results, mutants: Sequence[Mutant], options: argparse.Namespace) -> None:
    """Fill in what is missing, a line for each record."""
    seeds = {method: seeds_of(method, options.seeds) for method in options.methods}
    missing = [
        (method, mutant, seed)
        for seed in range(options.seeds)
        for mutant in mutants
        for method in options.methods
        if seed in seeds[method]
        if results.of(method, mutant, seed) is None
    ]
    allowed = list(dict.fromkeys(mutant.name for _, mutant, _ in missing))[: options.limit]
    missing = [task for task in missing if task[1].name in allowed]
    began = time.monotonic()
    records = found(results, missing, options.jobs)
    for done, (method, mutant, seed, record) in enumerate(records, 1):
        results.add(method, mutant, seed, record)
        what = f"{record['by']} after" if record["by"] else "not found in"
        print(
            f"[{done}/{len(missing)}, {time.monotonic() - began:.0f} s] {method} "
            f"{mutant.name} seed {seed}: {what} {record['cases']} cases",
            flush=True,
        )


def found(
    results: Results, tasks: Sequence[Task], jobs: int
) -> Iterator[tuple[str, Mutant, int, Record]]:
    """Yield what is found, seed by seed: what the first one found tells the next where to look."""
    others = [task for task in tasks if task[0] != "suite"]
    yield from baselines.run(others) if others else ()
    for base in sorted({seed for method, _, seed in tasks if method == "suite"}):
        searches = [
            (mutant, seed, results.of("suite", mutant, 0))
            for method, mutant, seed in tasks
            if (method, seed) == ("suite", base)
        ]
        for record in suite.run(searches, jobs):
            yield "suite", *record


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
