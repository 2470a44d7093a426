"""What each check makes of each faulty kernel, and of correct ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from tests.faults.catalogue import FAULTS
from tests.faults.checks import OTHERS, Maker
from tests.faults.kernels import Kernel
from tests.faults.orders import ORDERS


class Row(NamedTuple):
    """How many trials caught a fault, and which checks did in how many, the most telling first."""

    fault: str
    trials: int
    caught: int
    checks: list[tuple[str, int]]


class Alarms(NamedTuple):
    """How often correct kernels of an order were checked, and which checks failed."""

    checks: int
    failed: tuple[str, ...]


def measured(
    dtype: str, n: int, seeds: Iterable[int], orders: Iterable[str] | None = None
) -> tuple[list[Row], dict[str, Alarms]]:
    """Return a row per fault of the dtype, and the false alarms per order of summation."""
    trials, caught = 0, Counter[str]()
    failed: dict[str, Counter[str]] = {fault.name: Counter() for fault in FAULTS[dtype]}
    alarms: dict[str, Alarms] = {}
    for seed in seeds:
        trials += 1
        checks = Maker(dtype, n).checks(seed)
        for fault in FAULTS[dtype]:
            found = checks.failed(fault.kernel(seed)(checks.operands, checks.arithmetic))
            caught[fault.name] += any(name not in OTHERS for name in found)
            failed[fault.name].update(f"+{name}" if name in OTHERS else name for name in found)
        for order in ORDERS:
            count, before = alarms.get(order.__name__, Alarms(0, ()))
            found = checks.failed(Kernel(order=order)(checks.operands, checks.arithmetic))
            alarms[order.__name__] = Alarms(count + len(checks.names), before + found)
    rows = [Row(name, trials, caught[name], each.most_common()) for name, each in failed.items()]
    return rows, alarms
