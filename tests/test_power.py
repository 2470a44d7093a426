"""The measurement of power: samples that stock torch passes, and tables that count right."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from properties.layouts import CONJUGATED, LAYOUTS, OF_VECTORS
from tests.killing import gate
from tests.mutants import MUTANTS, Mutant
from tests.power import baselines, samples, suite
from tests.power.baselines import STOCK, differs, functional, measure
from tests.power.report import Results, tables
from tests.power.samples import UNIFORM, Sample

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
FLIPPED = BY_NAME["flipped"]
LATE = "last_dilated_row_one_early"
FOUND = {"by": "test_a", "kind": "value", "cases": 7, "seconds": 0.1}
MISSED = {"by": None, "kind": None, "cases": 900, "seconds": 9.0}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("seed", [0, 2])
def test_stock_torch_passes_the_uniform_calls(seed: int) -> None:
    """The baseline's own calls raise no false alarm, and all of them are made."""
    record = measure("uniform", STOCK, seed)
    assert record["by"] is None
    assert record["cases"] == UNIFORM


def test_the_uniform_calls_are_in_every_layout() -> None:
    """Every operand is met in each layout that float32 has, with its strides, in copies too."""
    found: dict[str, set[str]] = {}
    for case in chain.from_iterable(map(samples.cases, range(3))):
        operands = samples.sample(case).operands
        for name, described in case.tensors.items():
            found.setdefault(name, set()).add(described.layout)
            place = described.placement
            for tensor in (operands[name], samples.fresh(operands[name])):
                assert tensor.stride() == place.strides
                assert tensor.storage_offset() == place.shift + place.offset
                assert tensor.is_neg() == bool(place.view)
                assert np.array_equal(tensor.numpy(force=True), case.arrays[name])
    vectors, others = ({*layouts} - {*CONJUGATED} for layouts in (OF_VECTORS, LAYOUTS))
    assert found == {"input": others, "weight": others, "bias": vectors, "grad_output": others}


@pytest.mark.parametrize("name", ["flipped", "grad_weight_transposed", "pads_at_end"])
def test_the_uniform_calls_find_gross_defects(name: str) -> None:
    """A wrong value and a wrong gradient are seen, early."""
    record = measure("uniform", BY_NAME[name].target, 0)
    assert record["by"] == "uniform"
    assert record["cases"] < 30


def test_a_sample_is_judged_by_what_it_brings() -> None:
    """An expected output with its tolerance, or a call that must raise."""
    ones = {"input": torch.ones(1, 1, 2, 2), "weight": torch.ones(1, 1, 1, 1)}
    right, tolerance = torch.ones(1, 1, 2, 2), (1e-3, 1e-7)
    assert not differs(F.conv2d, Sample(ones, expected=right + 1e-4, tolerance=tolerance), 0)
    assert differs(F.conv2d, Sample(ones, expected=right + 1e-2, tolerance=tolerance), 0)
    assert differs(F.conv2d, Sample(ones, refused=True), 0)
    assert not differs(F.conv2d, Sample(ones, {"stride": 0}, refused=True), 0)


def test_an_exception_counts() -> None:
    """A valid call that raises is a detection."""

    def raises(*operands: torch.Tensor) -> torch.Tensor:
        raise RuntimeError

    ones = {"input": torch.ones(1, 1, 2, 2), "weight": torch.ones(1, 1, 1, 1)}
    assert differs(raises, Sample(ones), 0)


def test_arguments_are_given_by_place() -> None:
    """As the suite does: a mutant with names of its own is no detection."""

    def named(x: Any, w: Any, b: Any, s: Any, p: Any, d: Any, g: Any) -> torch.Tensor:
        return F.conv2d(x, w, b, s, p, d, g)

    ones = {"input": torch.ones(1, 2, 4, 4), "weight": torch.ones(2, 1, 1, 1)}
    assert not differs(named, Sample(ones, {"groups": 2, "stride": 2}), 0)


def test_a_layer_is_tested_as_a_function() -> None:
    """A subclass of nn.Conv2d gives what `F.conv2d` gives."""
    x, w, b = torch.randn(2, 4, 5, 5), torch.randn(6, 2, 3, 3), torch.randn(6)
    layer = functional(torch.nn.Conv2d)
    assert torch.equal(layer(x, w, b, 2, 1, 1, 2), F.conv2d(x, w, b, 2, 1, 1, 2))


def test_the_suite_counts_cases_up_to_the_first_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed counts the same, also where others drew its examples and had right results."""
    drawn = {"test_value_lies_in_its_enclosure": gate()["test_value_lies_in_its_enclosure"]}
    monkeypatch.setattr(suite, "gate", lambda: drawn)
    first, alone, other = hunted(("pads_at_end", 0), (LATE, 0), (LATE, 1))
    again, _, shared = hunted((LATE, 0), (FLIPPED.name, 0), (LATE, 0))
    assert alone == again == shared
    assert first["by"] == alone["by"] == other["by"] == next(iter(drawn))
    assert 1 < alone["cases"] < 300


def test_another_seed_begins_where_the_first_one_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What found a mutant is asked first, the rest only if it passes; what draws nothing, never."""
    value, layers = "test_value_lies_in_its_enclosure", "test_initial_parameters_are_bounded"
    found = {"kind": "value", "seconds": 0, "before": 5000, "cases": 5007}
    once: dict[str, Any] = {**found, "by": "test_every_pair_of_levels"}
    several = {name: gate()[name] for name in (value, layers, once["by"])}
    monkeypatch.setattr(suite, "gate", lambda: several)
    (alone,) = hunted((LATE, 1))
    assert (alone["by"], alone["before"]) == (value, 0)
    at_once, passed, kept = hunted(
        (LATE, 1, {**found, "by": value}),
        (LATE, 1, {**found, "by": layers}),  # which has no function to look at
        (LATE, 1, once),
    )
    assert at_once == {**alone, "before": 5000, "cases": 5000 + alone["cases"]}
    assert passed == alone
    assert kept == once


def hunted(*tasks: Any) -> list[dict[str, Any]]:
    """Return what one hunt finds of mutants, with seeds and earlier finds; but for the time."""
    hunt = suite.Hunt()
    try:
        return [{**hunt.find(BY_NAME[name], *more), "seconds": 0} for name, *more in tasks]
    finally:
        hunt.workers.close()


def test_what_need_not_run_again_is_counted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutants that differ in invalid calls alone share the properties of valid ones."""
    names = ("test_integers_are_exact", "test_every_way_to_be_invalid_is_refused")
    monkeypatch.setattr(suite, "gate", lambda: {name: gate()[name] for name in names})
    hunt = suite.Hunt()
    try:
        hunt.find(BY_NAME["one_bias_for_all"], 1)
        assert len(hunt._passed) == 1
        shared = hunt.find(BY_NAME["stride_zero_is_one"], 1)
        hunt._passed.clear()
        alone = hunt.find(BY_NAME["stride_zero_is_one"], 1)
    finally:
        hunt.workers.close()
    assert {**shared, "seconds": 0} == {**alone, "seconds": 0}
    assert shared["by"] == names[1]


def test_results_are_kept(tmp_path: Path) -> None:
    """What was measured is read back, and the tables count it."""
    path = tmp_path / "power.json"
    mutants = [FLIPPED, BY_NAME["tf32_operands"]]
    kept = Results(path)
    kept.add("suite", mutants[0], 0, FOUND)
    kept.add("suite", mutants[1], 0, MISSED)
    read = Results(path)
    assert read.of("suite", mutants[0], 0) == FOUND
    assert read.of("suite", mutants[0], 1) is None
    lines = [line.split() for line in tables(read, mutants)]
    assert ["kernel", "1/1", "0/0", "0/0", "0/0"] in lines
    assert ["all", "1/2", "0/0", "0/0", "0/0"] in lines
    text = " ".join(map(" ".join, lines))
    assert "median never" in text
    assert "tf32_operands (precision, strength 1): expected of" in text


class Crashing(Mutant):
    """A mutant whose import ends the process."""

    @property
    def target(self) -> str:
        """What ends it."""
        return "tests.hostile.exits_on_import:conv2d"


def test_a_crash_is_found_at_its_call() -> None:
    """What ends the process is found by the call that does; the next mutant gets another child."""
    empty = BY_NAME["no_images_end_the_process"]
    mutants = (FLIPPED, Crashing(**vars(FLIPPED)), empty)
    records = [record for *_, record in baselines.run([("uniform", m, 0) for m in mutants])]
    assert [record["kind"] for record in records] == ["value", "crash", "crash"]
    assert {record["by"] for record in records} == {"uniform"}
    first = next(n for n, case in enumerate(samples.cases(0), 1) if 0 in case.input.shape)
    assert [record["cases"] for record in records[1:]] == [0, first]
