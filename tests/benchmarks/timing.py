"""Interleaved repetitions, medians, and tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

SLOW = 1.0  # seconds beyond which a call is not repeated
REPEATS = 9


def medians(
    functions: Mapping[str, Callable[[], object]], repeats: int = REPEATS
) -> dict[str, float]:
    """Return the median seconds of each function, called in turn so that all see the same load.

    A first call of each is not counted; a slow one stays with that call.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    first = {name: timed(function) for name, function in functions.items()}
    for _ in range(repeats):
        for name, function in functions.items():
            if first[name] < SLOW:
                times[name].append(timed(function))
    return {name: median(found) if found else first[name] for name, found in times.items()}


def timed(function: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header, the first column to the left and numbers to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    print(f"\n{title}")
    for row in (header, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  " + "  ".join(cells).rstrip())


def milliseconds(seconds: float) -> str:
    """Return a duration in ms, with three significant digits."""
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{1000 * seconds:.0f} ms"
