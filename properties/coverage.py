"""What a run is to cover: the cells, each a pair of levels of two factors.

Levels are read off finished cases, so a cell is what was run and not what was meant.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from properties.case import Case
from properties.feasibility import infeasible
from properties.levels import levels
from properties.planned import PLANNED, SIZES, Level, Levels

Pair = frozenset[Level]
_ORDER = {
    (factor, level): (i, j)
    for i, (factor, some) in enumerate(PLANNED.items())
    for j, level in enumerate(some)
}


def factors(case: Case) -> dict[str, str]:
    """Return the level of a case in every factor of `PLANNED`."""
    found = dict(levels(case))
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


def in_order(planned: Collection[Pair]) -> list[tuple[Level, Level]]:
    """Return cells by the order of `PLANNED`: first by their two factors, then by their levels."""
    found = [tuple(sorted(cell, key=_ORDER.__getitem__)) for cell in planned]
    return sorted(
        ((first, second) for first, second in found),
        key=lambda cell: tuple(zip(*map(_ORDER.__getitem__, cell), strict=True)),
    )


def covered(planned: Collection[Pair], hit: Collection[Pair]) -> dict[str, Any]:
    """Return which of the planned cells were hit, as plain data.

    plan     digest of the planned cells; runs with the same plan may be joined bit by bit
    hit      a bit for each of them, in order, the first one highest; packed by zlib, in base64
    factors  hit and planned cells of each pair of factors that has any: {"dtype x stride": [5, 24]}
    """
    order = in_order(planned)
    bits = [frozenset(cell) in hit for cell in order]
    names = [f"{first[0]} x {second[0]}" for first, second in order]
    counts = Counter(name for name, bit in zip(names, bits, strict=True) if bit)
    text = "\n".join(" ".join("=".join(level) for level in cell) for cell in order)
    return {
        "plan": hashlib.sha256(text.encode()).hexdigest()[:16],
        "hit": base64.b64encode(zlib.compress(np.packbits(bits).tobytes(), 9)).decode(),
        "factors": {name: [counts[name], some] for name, some in Counter(names).items()},
    }
