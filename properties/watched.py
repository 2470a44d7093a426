"""`Watched`: what was found at the nn.Conv2d layers of a model while it ran.

The judge of a watched model shares its process: this is for code that one trusts. Whoever is not
trusted is run by `properties.runner`, in a process of its own.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from properties.case import Case
from properties.classes import ALLOWED, direct, fast_class
from properties.dtypes import Exact
from properties.expect import enclose
from properties.finish import case_data, described_run, shortened, write_case
from properties.implementation import Implementation
from properties.judge import judge
from properties.repro import script, write_script
from properties.rows import RESULTS, builtin
from properties.sampling import PRODUCTS, enclose_at, judge_at, sample
from properties.stock import stock_defects
from properties.violations import Violation
from reference import Arithmetic

WRITABLE = 1 << 17  # numbers in a case that is written to a file


@dataclass(frozen=True)
class Place:
    """The device that a call ran on, and the facts that its arithmetic depends on."""

    device: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """A violation, where it was seen, and the class of the layer as MODULE:NAME."""

    violation: Violation
    place: Place
    target: str


@dataclass
class Layer:
    """What was found at one layer; counts are by result: "output", "input", "weight", "bias".

    calls     of the layer, judged or not
    judged    results that there is a verdict on; of `sampled` ones, on chosen elements
    wrong     results that violate something
    unjudged  calls and results without a verdict, by reason
    used      largest share of the bound; `fast` results met that of a fast algorithm only
    limit     multiply-accumulates of a call whose results are judged as a whole
    """

    name: str
    target: str
    limit: int
    found: list[Found]
    calls: int = 0
    judged: Counter[str] = field(default_factory=Counter)
    sampled: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    unjudged: Counter[str] = field(default_factory=Counter)
    fast: int = 0
    used: dict[str, float] = field(default_factory=dict)

    def judge(self, case: Case, name: str, observed: Exact, place: Place) -> None:
        """Judge one result of a call."""
        large = case.macs > self.limit
        if large and name == "input" and case.params.padding_mode != "zeros":
            self.unjudged["gradient of a large padded input"] += 1
            return
        self.sampled[name] += large
        self.judged[name] += 1
        try:
            self._require(case, name, observed, place, large)
        except Violation as violation:
            self._take(violation, name, place)

    def refuse(self, violation: Violation, name: str, place: Place) -> None:
        """Take down a violation by a result that has no values to judge."""
        self.judged[name] += 1
        self._take(violation, name, place)

    def _take(self, violation: Violation, name: str, place: Place) -> None:
        self.wrong[name] += 1
        if self.wrong[name] == 1:  # each holds all operands of its call: one is enough
            violation.facts = {"layer": f"{self.name}, call {self.calls}", **violation.facts}
            self.found.append(Found(violation, place, self.target))

    def _require(self, case: Case, name: str, observed: Exact, place: Place, large: bool) -> None:
        row = builtin(place.device, place.facts).of(case.dtype, name)
        if large:
            most = PRODUCTS // max(case.output_positions, 1) if name == "weight" else PRODUCTS
            places = sample(observed.shape, most)
            seen, shape = observed.reshape(-1)[places], observed.shape
            verdict = judge_at(seen, places, shape, enclose_at(case, name, direct(row), places))
        else:
            verdict = judge(observed, enclose(case, name, direct(row)))
        if not verdict.ok and isinstance(row, Arithmetic) and row.algorithm != "direct":
            found = fast_class(case, name, observed, row)
            if found in ALLOWED[row.algorithm]:
                self.fast += 1
                return
        verdict.require(case, name)
        self.used[name] = max(self.used.get(name, 0.0), verdict.used)


class Handle(Protocol):
    """What takes a hook away again."""

    def remove(self) -> None:
        """Take it away."""


class Watched:
    """The watched layers of a model by name, and the violations seen so far, in order."""

    def __init__(self, directory: Path) -> None:
        self.layers: dict[str, Layer] = {}
        self.found: list[Found] = []
        self.handles: list[Handle] = []
        self._directory = directory

    @property
    def violations(self) -> list[Violation]:
        """The first violation of each result of each layer."""
        return [found.violation for found in self.found]

    def close(self) -> None:
        """Remove every hook; what was found remains."""
        while self.handles:
            self.handles.pop().remove()

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def require(self) -> None:
        """Raise the first violation, with case.json and script; RuntimeError if nothing is judged.

        There is no script of a layer whose class cannot be imported by name.
        """
        if self.found:
            raise _written(self.found[0], self._directory)
        if not any(layer.judged for layer in self.layers.values()):
            raise RuntimeError(f"no call of a layer was judged\n{self}")

    def __str__(self) -> str:
        layers = self.layers.values()
        judged, wrong = (
            sum(sum(counts.values()) for counts in each)
            for each in ([layer.judged for layer in layers], [layer.wrong for layer in layers])
        )
        wide = max(len(name) for name in ("layer", *self.layers))
        head = "".join(f"{name:>10}" for name in ("calls", *RESULTS, "used"))
        lines = [f"{judged} results judged, {wrong} wrong", f"{'layer':<{wide}}{head}"]
        for layer in layers:
            counts = "".join(f"{layer.judged[name]:>10}" for name in RESULTS)
            used = max(layer.used.values(), default=0.0)
            lines.append(f"{layer.name:<{wide}}{layer.calls:>10}{counts}{used:>10.4f}")
            lines += [f"  {note}" for note in _notes(layer)]
        return "\n".join([*lines, *(str(found.violation) for found in self.found)])


def _notes(layer: Layer) -> Iterator[str]:
    """Yield what the counts of a layer do not say."""
    yield from (f"wrong: {name}, {count} times" for name, count in layer.wrong.items())
    yield from (f"not judged: {reason}, {count} times" for reason, count in layer.unjudged.items())
    if layer.sampled.total():
        yield f"judged at chosen elements: {sum(layer.sampled.values())} results of large calls"
    if layer.fast:
        yield f"within the bound of a fast algorithm only: {layer.fast} results"


def _written(found: Found, directory: Path) -> Violation:
    """Return the violation with the files that reproduce it, where there can be any."""
    violation, place, facts = found.violation, found.place, found.place.facts
    case = violation.case
    known = [d.id for d in stock_defects(facts) if d.explains([case], violation.kind)]
    if known and found.target == "torch.nn:Conv2d":
        violation.facts["known defect"] = ", ".join(known)
    size = sum(array.size for array in case.arrays.values())
    if size > WRITABLE or not _is_importable(found.target):
        reason = f"{size} numbers are too many" if size > WRITABLE else "not importable by name"
        violation.facts["reproduce"] = f"no script of {found.target}: {reason}"
        return violation
    target = Implementation(found.target, place.device, builtin(place.device, facts))
    violation.facts["implementation"] = described_run(target, facts, case)
    data = case_data(violation, target, facts, "watch")
    name = write_case(data, violation.case, directory / "cases").stem
    path = write_script(script(violation, target), name, directory / "repro")
    violation.facts["reproduce"] = f"python {shortened(path)}"
    return violation


def _is_importable(target: str) -> bool:
    module, _, name = target.partition(":")
    if module == "__main__" or "<locals>" in name:
        return False
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is not None
