"""What a run is to cover: the cells, each a pair of levels of two factors.

Levels are read off finished cases, so a cell is what was run and not what was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from properties.case import Case
from properties.feasibility import infeasible
from properties.levels import levels
from properties.planned import PLANNED, SIZES, Level, Levels

Pair = frozenset[Level]


def factors(case: Case) -> dict[str, str]:
    """Return the level of a case in every factor of `PLANNED`."""
    found = levels(case)
    kinds = [str(getattr(t.values, "kind", "explicit")) for t in (case.input, case.weight)]
    found["values"] = " x ".join(kind.rstrip("0123456789") for kind in kinds)
    exponent = getattr(case.input.values, "exponent", 0)
    blind = "read only padding" in (found["rows"], found["columns"])
    found["reads"] = "only padding" if blind else "the input"
    found["scale"] = "up" if exponent > 0 else "down" if exponent else "0"
    for factor in ("in_channels", "out_channels", "output_width", "output_height"):
        size = int(found[factor])
        fitting = (name for name, (low, high) in SIZES.items() if low <= size <= high)
        found[factor] = next(fitting, "other")
    return {factor: found[factor] for factor in PLANNED}


def pairs(found: Mapping[str, str]) -> Iterator[Pair]:
    """Yield the cells of a case, given its levels."""
    known = [level for level in found.items() if level[1] in PLANNED[level[0]]]
    return map(frozenset, combinations(known, 2))


def cells(names: Levels = PLANNED) -> Iterable[Pair]:
    """Yield every cell that some call has, of these levels."""
    for (first, some), (second, others) in combinations(names.items(), 2):
        for a in some:
            for b in others:
                if not infeasible((first, a), (second, b)):
                    yield frozenset({(first, a), (second, b)})
