"""A fingerprint names the arithmetic of stock torch, and of convolutions lowered on purpose."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from properties.__main__ import main
from properties.dots import Setting
from properties.fingerprint import Cell, Fingerprint, fingerprint
from properties.implementation import Implementation
from properties.runner import Runner
from properties.spares import Spares
from properties.traits import TRAITS
from tests.killing import Recycling

SMALL, BATCH, POINTWISE = Setting(3, 1, 64), Setting(3, 16, 64), Setting(1, 16, 64)
BITS = ("operand bits", "accumulator bits", "rounding", "roundings", "subnormals")


@pytest.fixture(scope="module")
def spares() -> Iterator[Recycling]:
    """Keep one worker, which loads one implementation after another."""
    pool = Recycling()
    yield pool
    pool.close()


def measure(
    spares: Spares,
    target: str,
    dtypes: Sequence[str],
    traits: Sequence[str],
    settings: Sequence[Setting] = (SMALL,),
    results: Sequence[str] = ("output",),
) -> Fingerprint:
    """Return the fingerprint in some traits and settings."""
    chosen = [replace(t, settings=tuple(settings)) for t in TRAITS if t.name in traits]
    with Runner(Implementation(target), spares) as runner:
        return fingerprint(runner.implementation, runner, dtypes, chosen, results)


def cells(found: Fingerprint, dtype: str, result: str = "output") -> dict[str, Cell]:
    """Return the cells of one result, which must not have been refused."""
    row = found.rows[dtype][result]
    assert not isinstance(row, str), row
    return dict(row)


def loosest(found: Fingerprint, dtype: str, result: str = "output") -> dict[str, str]:
    """Return the loosest value of each trait of one result."""
    return {name: cell.loosest for name, cell in cells(found, dtype, result).items()}


@pytest.mark.parametrize(("dtype", "bits"), [("float32", "24"), ("float64", "53")])
def test_stock_torch_computes_in_its_own_dtype(spares: Spares, dtype: str, bits: str) -> None:
    """float32 and float64 keep all bits of operands and sums, in all four results, as declared."""
    results = ("output", "input", "weight", "bias")
    traits = ("operand bits", "accumulator bits", "rounding", "same call", "integers")
    found = measure(spares, "F.conv2d", [dtype], traits, (SMALL,), results)
    for result in results:
        values = loosest(found, dtype, result)
        assert values["operand bits"] == values["accumulator bits"] == bits
        assert (values["rounding"], values["same call"]) == ("nearest-even", "same bits")
        assert values["integers"] == "exact"
    assert found.looser == []


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_multiplications_are_those_that_torch_shows(spares: Spares, dtype: str) -> None:
    """What is measured agrees with (M + i) * 1 in torch: exact by four multiplications only."""
    m = 2.0**24 if dtype == "complex64" else 2.0**53
    x = torch.full((1, 64, 3, 3), complex(m, 1), dtype=getattr(torch, dtype))
    w = torch.zeros((64, 64, 3, 3), dtype=x.dtype)
    w[:, 0, 0, 0] = 1
    exact = bool((torch.nn.functional.conv2d(x, w) == complex(m, 1)).all())
    found = measure(spares, "F.conv2d", [dtype], ["multiplications"])
    assert loosest(found, dtype) == {"multiplications": "4" if exact else "3"}


def test_tiles_of_nnpack_are_found_with_onednn_off() -> None:
    """From a batch of 16 on, NNPACK transforms tiles: 8x8 for 1x1 kernels, 6x6, 4x4 for 5x5."""
    sizes = {1: "tile 8x8", 3: "tile 6x6", 5: "tile 4x4"}
    settings = [Setting(kernel, batch, 1) for kernel in sizes for batch in (15, 16)]
    spares = Spares()
    found = measure(spares, "tests.native:conv2d", ["float32"], ["algorithm"], settings)
    spares.close()
    cell = cells(found, "float32")["algorithm"]
    there = torch.backends.nnpack.is_available()  # type: ignore[no-untyped-call]
    for setting in settings:
        fast = there and setting.batch == 16
        assert cell.settings[str(setting)] == (sizes[setting.kernel] if fast else "direct")
    assert cell.mark == ("!" if there else "")


LOWERED = {
    "tf32_operands": ("float32", "operand bits", "11"),
    "bfloat16_weight": ("float32", "operand bits", "input 24, weight 8"),
    "float16_accumulator": ("float32", "accumulator bits", "11"),
    "truncating_store": ("bfloat16", "rounding", "toward zero"),
    "bias_after_rounding": ("float16", "roundings", "bias after rounding"),
    "rounding_per_tap": ("float16", "roundings", "per tap, bias after rounding"),
    "flush_to_zero": ("float32", "subnormals", "flushed"),
}


@pytest.mark.parametrize("name", LOWERED)
def test_a_lowered_arithmetic_is_named(spares: Spares, name: str) -> None:
    """Each is found looser than declared in the one trait that it was lowered in."""
    dtype, trait, expected = LOWERED[name]
    found = measure(spares, f"tests.lowered:{name}", [dtype], BITS)
    assert loosest(found, dtype)[trait] == expected
    # What passes through a float16 has lost more than the sum alone.
    more = {"float16_accumulator": {"operand bits", "subnormals", "rounding"}}
    allowed = more.get(name, set())
    assert {place[2] for place in found.looser} - allowed == {trait}


def test_four_multiplications_are_counted(spares: Spares) -> None:
    """A complex convolution by the definition takes four, and is not taken for Gauss' three."""
    found = measure(
        spares, "tests.lowered:four_multiplications", ["complex64"], ["multiplications"]
    )
    assert loosest(found, "complex64") == {"multiplications": "4"}


@pytest.mark.parametrize(("name", "expected"), [("winograd", "tile 2x2"), ("whole_plane", "plane")])
def test_a_transform_is_told_by_its_extent(spares: Spares, name: str, expected: str) -> None:
    """Tiles smaller than the kernel, and whole planes, are measured; sums are not asked then."""
    traits = ("algorithm", "operand bits", "integers")
    found = measure(spares, f"tests.lowered:{name}", ["float32"], traits, (Setting(3, 1, 2),))
    assert loosest(found, "float32")["algorithm"] == expected
    assert set(cells(found, "float32")) == {"algorithm", "integers"}
    assert found.looser == [("float32", "output", "algorithm")]


@pytest.mark.parametrize("name", ["winograd", "whole_plane"])
def test_a_transformed_gradient_of_the_weight_is_told_by_its_taps(
    spares: Spares, name: str
) -> None:
    """A NaN that one tap sees reaches all taps of a transformed gradient; sums are not asked."""
    traits, settings = ("algorithm", "operand bits", "integers"), (Setting(3, 1, 2),)
    found = measure(spares, f"tests.lowered:{name}", ["float32"], traits, settings, ["weight"])
    assert loosest(found, "float32", "weight")["algorithm"] == "tile 3x3"
    assert set(cells(found, "float32", "weight")) == {"algorithm", "integers"}
    direct = measure(spares, "F.conv2d", ["float32"], ["algorithm"], settings, ["weight"])
    assert loosest(direct, "float32", "weight")["algorithm"] == "direct"


def test_nondeterminism_is_looser_than_declared(spares: Spares) -> None:
    """A call that gives other bits when repeated is marked."""
    found = measure(spares, "tests.lowered:never_the_same", ["float32"], ["same call"])
    assert loosest(found, "float32") == {"same call": "other bits"}
    assert found.looser == [("float32", "output", "same call")]


def test_what_is_refused_or_crashes_is_an_entry_and_ends_nothing(spares: Spares) -> None:
    """Refused dtypes and results are told with their message; a crash marks its trait."""
    dtypes, settings = ("float16", "bfloat16", "float32"), (POINTWISE, SMALL)
    traits = ["rounding"]
    found = measure(
        spares, "tests.lowered:refusing", dtypes, traits, settings, ("output", "weight")
    )
    assert str(found.rows["float16"]["output"]).startswith("declined: ")
    assert "no float16 here" in str(found.rows["float16"]["output"])
    assert str(found.rows["bfloat16"]["output"]).startswith("refused: ")
    assert str(found.rows["float32"]["weight"]).startswith("refused: ")
    cell = cells(found, "float32")["rounding"]
    assert cell.loosest.startswith("failed: crash, SIGABRT")
    assert cell.settings[str(SMALL)] == "nearest-even"
    assert found.looser == [("float32", "output", "rounding")]
    assert "no float16 here" in str(found)


def test_a_wider_accumulator_is_different_but_not_looser() -> None:
    """Only what is looser than declared counts for the exit status."""
    cell = Cell("53", {"a": "53", "b": "53"}, "24", "~")
    assert str(cell) == "53 ~ declared 24"
    assert (
        Fingerprint(Implementation("F.conv2d"), {}, {"float32": {"output": {"x": cell}}}).looser
        == []
    )


def test_the_command_prints_the_table_and_writes_json(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit status is 1 if anything is looser than declared; the JSON says of which schema."""
    brief = [replace(t, settings=(SMALL,)) for t in TRAITS if t.name == "operand bits"]

    def short(implementation: Implementation, runner: Runner) -> Fingerprint:
        return fingerprint(implementation, runner, ["float32"], brief, ["output"])

    monkeypatch.setattr("properties.__main__.fingerprint", short)
    path = tmp_path / "out.json"
    status = main(["fingerprint", "tests.lowered:tf32_operands", "--json", str(path)])
    data = json.loads(path.read_text())
    assert status == 1
    assert (data["schema"], data["device"]) == (1, "cpu")
    cell = data["rows"]["float32"]["output"]["operand bits"]
    assert (cell["measured"], cell["declared"], cell["mark"]) == ("11", "24", "!")
    assert "operand bits  11 ! declared 24" in capsys.readouterr().out
    assert main(["fingerprint", "no_such_module:conv2d"]) == 4
