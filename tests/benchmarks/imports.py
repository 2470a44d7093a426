"""How much `import reference` adds to `import numpy`, in fresh processes."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from tests.benchmarks.timing import milliseconds, table

PROCESSES = 11
CODE = """
from time import perf_counter
began = perf_counter()
import numpy
between = perf_counter()
import reference
print(between - began, perf_counter() - between)
"""


def run() -> None:
    """Print the median seconds of both imports, one after the other in one process each."""
    pairs = [_measure() for _ in range(PROCESSES + 1)][1:]
    numpy_, own = (median(column) for column in zip(*pairs, strict=True))
    rows = [
        ["import numpy", milliseconds(numpy_), ""],
        ["import reference, after it", milliseconds(own), f"{own / numpy_:.3g}x"],
    ]
    table(f"Imports: medians of {PROCESSES} fresh processes", ["", "median", "ratio"], rows)


def _measure() -> tuple[float, float]:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    first, second = map(float, done.stdout.split())
    return first, second
