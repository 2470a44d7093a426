"""`fingerprint`: the arithmetic that an implementation really uses, beside the one declared for it.

Every figure is measured through the implementation's own results (`properties.probes`,
`properties.planes`). A call that fails is an entry of the table, and ends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from properties.dots import GRADIENTS, Dot, Remembered, Setting
from properties.dtypes import FLOATING
from properties.implementation import Implementation
from properties.rows import RESULTS
from properties.runner import Runner
from properties.traits import TRAITS, Trait, transforms
from properties.violations import DeclinedViolation, Violation
from reference import Arithmetic

SCHEMA = 1
LOOSER, OTHER = "!", "~"
FAILED = "failed: "


@dataclass(frozen=True)
class Cell:
    """One trait of one result: its value in each setting where it has one, and what is declared.

    `mark` is "!" if a value is looser than the declared row allows or a call failed, "~" if it
    differs otherwise, and empty if nothing is declared or it is the same.
    """

    loosest: str
    settings: Mapping[str, str]
    declared: str | None
    mark: str

    @property
    def varies(self) -> bool:
        """Tell whether the settings differ."""
        return len(set(self.settings.values())) > 1

    def __str__(self) -> str:
        value = self.loosest + (" *" if self.varies else "")
        if self.declared is None:
            return f"{value} {self.mark}".rstrip()
        return f"{value} {self.mark} declared {self.declared}" if self.mark else f"{value} ="


Row = Mapping[str, Cell] | str  # by trait, or why there is none


@dataclass(frozen=True)
class Fingerprint:
    """What was measured, by dtype and result."""

    implementation: Implementation
    facts: Mapping[str, Any]
    rows: Mapping[str, Mapping[str, Row]]

    @property
    def looser(self) -> list[tuple[str, str, str]]:
        """The traits looser than declared, as dtype, result and trait."""
        return [(d, r, trait) for d, r, trait, cell in self._cells() if cell.mark == LOOSER]

    def _cells(self) -> Iterator[tuple[str, str, str, Cell]]:
        for dtype, results in self.rows.items():
            for result, row in results.items():
                for trait, cell in ({} if isinstance(row, str) else row).items():
                    yield dtype, result, trait, cell

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `schema` changes whenever the meaning of a field does."""
        rows = {
            dtype: {
                result: {"refused": row} if isinstance(row, str) else _plain(row)
                for result, row in results.items()
            }
            for dtype, results in self.rows.items()
        }
        about = {"implementation": self.implementation.short, "device": self.implementation.device}
        return {"schema": SCHEMA, **about, "facts": dict(self.facts), "rows": rows}

    def __str__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        blocks = [_block(dtype, results) for dtype, results in self.rows.items()]
        count = len(self.looser)
        verdict = (
            f"{count} measured looser than declared" if count else "nothing looser than declared"
        )
        legend = (
            "= as declared, ! looser, ~ different but not looser, * not in every setting (below)"
        )
        return "\n\n".join([f"{self.implementation}\n{facts}\n{legend}", *blocks, verdict])


def fingerprint(
    implementation: Implementation,
    runner: Runner,
    dtypes: Sequence[str] = FLOATING,
    traits: Sequence[Trait] = TRAITS,
    results: Sequence[str] = RESULTS,
) -> Fingerprint:
    """Measure the traits of the results in every dtype that the implementation takes."""
    facts = runner.start()
    implementation = implementation.on(facts)
    rows: dict[str, dict[str, Row]] = {dtype: {} for dtype in dtypes}
    for dtype in dtypes:
        run = Remembered(runner.run)
        refused = {result: _refusal(run, dtype, result) for result in results}
        taken = [result for result, reason in refused.items() if reason is None]
        found = _measure(run, dtype, taken, traits)
        for result, reason in refused.items():
            rows[dtype][result] = reason or {
                trait.name: _cell(implementation, dtype, result, trait, found[result, trait.name])
                for trait in traits
                if found[result, trait.name]
            }
    return Fingerprint(implementation, facts, rows)


Found = dict[tuple[str, str], dict[Setting, str]]


def _measure(run: Remembered, dtype: str, results: Sequence[str], traits: Sequence[Trait]) -> Found:
    """Return the values by result and trait, in each setting where there is one."""
    found: Found = {(result, trait.name): {} for result in results for trait in traits}
    # Setting by setting: calls of one are shared by its probes, and forgotten after it.
    for setting in dict.fromkeys(setting for trait in traits for setting in trait.settings):
        run.forget()
        for result in results:
            dot, transformed = Dot(run, dtype, result, setting), False
            for trait in traits:
                if setting not in trait.settings or (trait.direct and transformed):
                    continue
                value = _measured(trait, dot)
                if value is not None:
                    found[result, trait.name][setting] = value
                    transformed |= transforms(value)
    return found


def _refusal(run: Remembered, dtype: str, result: str) -> str | None:
    """Return what a plain call says that does not give this result."""
    setting = Setting(3, 1, 2)
    x, w, g = np.ones((1, 2, 4, 4)), np.ones((2, 2, 3, 3)), np.ones((1, 2, 2, 2))
    operands = {"input": x, "weight": w}
    try:
        if result == "output":
            run(setting.call(dtype, operands))
        else:
            run(setting.call(dtype, {**operands, "grad_output": g}, GRADIENTS))
    except DeclinedViolation as violation:
        return f"declined: {violation.title}"
    except Violation as violation:
        return f"refused: {violation.title}"
    return None


def _measured(trait: Trait, dot: Dot) -> str | None:
    """Return the value of a trait, or how the call failed; None where it has none."""
    try:
        raw = trait.probe(dot)
    except Violation as violation:
        return f"{FAILED}{violation.kind}, {violation.title}"
    return None if raw is None else trait.read(raw, dot.format)


def _cell(
    implementation: Implementation,
    dtype: str,
    result: str,
    trait: Trait,
    found: Mapping[Setting, str],
) -> Cell:
    """Compare the loosest value with the declared row; a failed call is looser than any value."""
    settings = {str(setting): value for setting, value in found.items()}
    values = sorted(found.values(), key=lambda v: np.inf if v.startswith(FAILED) else trait.rank(v))
    loosest = values[-1]
    if loosest.startswith(FAILED):
        return Cell(loosest, settings, None, LOOSER)
    if trait.declared is None or trait.allows is None:
        return Cell(loosest, settings, None, "")
    row = implementation.arithmetic(dtype, result)
    assert isinstance(row, Arithmetic), "integers do not round"
    declared = trait.declared(row)
    allowed = all(trait.allows(row, value) for value in values)
    mark = LOOSER if not allowed else "" if loosest == declared else OTHER
    if trait.direct and row.algorithm != "direct" and mark == LOOSER:
        mark = OTHER  # of transformed operands, as declared, single sums tell nothing
    return Cell(loosest, settings, declared, mark)


def _plain(row: Mapping[str, Cell]) -> dict[str, Any]:
    return {
        name: {
            "measured": cell.loosest,
            "declared": cell.declared,
            "mark": cell.mark,
            "settings": dict(cell.settings),
        }
        for name, cell in row.items()
    }


def _block(dtype: str, results: Mapping[str, Row]) -> str:
    """Return the table of one dtype, and below it the traits that vary between settings."""
    rows = {result: row for result, row in results.items() if not isinstance(row, str)}
    refused = [f"{dtype} {result} {row}" for result, row in results.items() if isinstance(row, str)]
    if not rows:
        return "\n".join(refused)
    names = dict.fromkeys(name for row in rows.values() for name in row)
    head = [dtype, *(r if r == "output" else f"grad {r}" for r in rows)]
    table = [head, *([n, *(str(row.get(n, "")) for row in rows.values())] for n in names)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in table]
    notes: dict[str, list[str]] = {}
    for name in names:
        for result, row in rows.items():
            if (cell := row.get(name)) and cell.varies:
                notes.setdefault(f"{name}: {_where(cell)}", []).append(result)
    below = [f"* {', '.join(where)} {note}" for note, where in notes.items()]
    return "\n".join([*lines, *below, *refused])


def _where(cell: Cell) -> str:
    """Return each value and the settings that it was measured in, the commonest value first."""
    places: dict[str, list[str]] = {}
    for setting, value in cell.settings.items():
        places.setdefault(value, []).append(setting)
    common, *others = sorted(places, key=lambda value: -len(places[value]))
    return "; ".join([common, *(f"{value} at {' | '.join(places[value])}" for value in others)])
