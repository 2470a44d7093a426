"""What was measured, kept as JSON from run to run, and the tables that say it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.mutants import CLASSES, SURVIVORS, Mutant
from tests.power.baselines import METHODS

Record = dict[str, Any]
ALL = ("suite", *METHODS)


class Results:
    """Records by method, mutant and seed; written after each one, so that a run may be resumed."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.records: dict[str, dict[str, dict[str, Record]]] = {method: {} for method in ALL}
        if path is not None and path.exists():
            self.records |= json.loads(path.read_text())

    def of(self, method: str, mutant: Mutant, seed: int) -> Record | None:
        """Return a record, or None if it has not been measured."""
        return self.records[method].get(mutant.name, {}).get(str(seed))

    def add(self, method: str, mutant: Mutant, seed: int, record: Record) -> None:
        """Keep a record."""
        self.records[method].setdefault(mutant.name, {})[str(seed)] = record
        if self.path is not None:
            self.path.write_text(json.dumps(self.records, indent=1, sort_keys=True) + "\n")


def tables(results: Results, mutants: Sequence[Mutant]) -> Iterator[str]:
    """Yield the lines that tell how many mutants each method kills, and how soon."""
    measured = [m for m in mutants if results.records["suite"].get(m.name)]
    yield "killed / measured, with seed 0, which is the gate's"
    yield from _table("class", results, mutants, CLASSES, lambda mutant: mutant.klass)
    strengths = sorted({mutant.strength for mutant in mutants})
    yield from _table("strength", results, mutants, strengths, lambda mutant: mutant.strength)
    yield ""
    yield "cases up to the first violation, over all pairs of a mutant and a seed"
    for method in ALL:
        yield f"  {method:8} {_quantiles(results, mutants, method)}"
    yield "  suite: examples of all properties, in the gate's order; others: calls"
    yield ""
    yield "survivors of the gate"
    for mutant in measured:
        record = results.of("suite", mutant, 0)
        if record is not None and record["by"] is None:
            why = SURVIVORS.get(mutant.name, f"expected of {', '.join(mutant.killers)}")
            yield f"  {mutant.name} ({mutant.klass}, strength {mutant.strength}): {why}"


def _table(
    title: str,
    results: Results,
    mutants: Iterable[Mutant],
    rows: Sequence[Any],
    key: Callable[[Mutant], Any],
) -> Iterator[str]:
    groups = {row: [m for m in mutants if key(m) == row] for row in rows}
    yield f"{title:14}" + "".join(f"{method:>12}" for method in ALL)
    for row, members in [*groups.items(), ("all", [m for g in groups.values() for m in g])]:
        cells = (_killed(results, members, method) for method in ALL)
        yield f"{row!s:14}" + "".join(f"{cell:>12}" for cell in cells)


def _killed(results: Results, mutants: Iterable[Mutant], method: str) -> str:
    found = [record for m in mutants if (record := results.of(method, m, 0)) is not None]
    return f"{sum(record['by'] is not None for record in found)}/{len(found)}"


def _quantiles(results: Results, mutants: Iterable[Mutant], method: str) -> str:
    """Return median and 95th percentile; a pair without a violation counts as beyond any number."""
    records = [r for m in mutants for r in results.records[method].get(m.name, {}).values()]
    if not records:
        return "not measured"
    found = [float(r["cases"]) if r["by"] else float("inf") for r in records]
    median, late = (_quantile(sorted(found), share) for share in (0.5, 0.95))
    hits = sum(value < float("inf") for value in found)
    return f"median {median}, 95th percentile {late}; {hits} of {len(found)} pairs found"


def _quantile(values: Sequence[float], share: float) -> str:
    value = values[min(int(share * len(values)), len(values) - 1)]
    return "never" if value == float("inf") else f"{value:.0f}"
