"""What each check makes of each faulty kernel, and of correct ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.faults.catalogue import FAULTS
from tests.faults.checks import OTHERS, Checks, Maker
from tests.faults.kernels import Fault, Kernel
from tests.faults.orders import ORDERS, Order


class Row(NamedTuple):
    """How many trials caught a fault, and which checks did in how many, the most telling first."""

    fault: str
    trials: int
    caught: int
    checks: list[tuple[str, int]]


class Alarms(NamedTuple):
    """How often correct kernels of an order were checked, and which checks failed."""

    checks: int = 0
    failed: tuple[str, ...] = ()


class Tally:
    """The trials of one fault. Of checks that fail as often, those with more outputs tell more."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.trials, self.caught = fault, 0, 0
        self.failed, self.outside = Counter[str](), Counter[str]()

    def add(self, checks: Checks, seed: int) -> None:
        """Do one trial."""
        found = checks.failed(self.fault.kernel(seed)(checks.operands, checks.arithmetic))
        self.trials += 1
        self.caught += any(name not in OTHERS for name in found)
        self.failed.update(found.keys())
        self.outside.update(found)

    def row(self) -> Row:
        """Return what was found."""
        order = sorted(self.failed, key=lambda name: (-self.failed[name], -self.outside[name]))
        checks = [(f"+{n}" if n in OTHERS else n, self.failed[n]) for n in order]
        return Row(self.fault.name, self.trials, self.caught, checks)


def measured(
    dtype: str, n: int, seeds: Iterable[int], orders: Sequence[Order] = ORDERS
) -> tuple[list[Row], dict[str, Alarms]]:
    """Return a row per fault of the dtype, and the false alarms per order of summation."""
    tallies = [Tally(fault) for fault in FAULTS[dtype]]
    alarms = {order.__name__: Alarms() for order in orders}
    for seed in seeds:
        checks = Maker(dtype, n).checks(seed)
        for tally in tallies:
            tally.add(checks, seed)
        for order in orders:
            found = checks.failed(Kernel(order=order)(checks.operands, checks.arithmetic))
            count, failed = alarms[order.__name__]
            alarms[order.__name__] = Alarms(count + len(checks.names), (*failed, *found))
    return [tally.row() for tally in tallies], alarms
