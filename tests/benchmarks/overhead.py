"""What the process boundary costs per call: round trip minus the time that the worker reports."""

from __future__ import annotations

import time
from statistics import median, quantiles

from properties.case import Case, Tensor
from properties.implementation import Implementation
from properties.requests import encode
from properties.runner import Runner
from properties.values import Recipe
from tests.benchmarks.timing import milliseconds, table

CALLS = 500
WARM_UP = 20


def run() -> None:
    """Print round trip, call and overhead for a case of about 10 KB."""
    case = Case(
        Tensor((1, 8, 12, 12), Recipe("normal", 1)),
        Tensor((16, 8, 3, 3), Recipe("normal", 2)),
        Tensor((16,), Recipe("normal", 3)),
    )
    size = sum(map(len, encode(case)[1]))
    rows = []
    for target in ("F.conv2d", "nn.Conv2d"):
        trips, calls = _measure(target, case)
        overheads = [trip - call for trip, call in zip(trips, calls, strict=True)]
        late = quantiles(overheads, n=20)[-1]
        columns = (median(trips), median(calls), median(overheads), late)
        rows.append([target, *map(milliseconds, columns)])
    header = ["", "round trip", "call in the worker", "overhead", "overhead, 95 %"]
    table(f"Runner: medians of {CALLS} calls with {size} bytes of operands", header, rows)


def _measure(target: str, case: Case) -> tuple[list[float], list[float]]:
    trips, calls = [], []
    with Runner(Implementation(target)) as runner:
        for _ in range(WARM_UP + CALLS):
            began = time.perf_counter()
            observation = runner.run(case)
            trips.append(time.perf_counter() - began)
            calls.append(observation.seconds)
    return trips[WARM_UP:], calls[WARM_UP:]
