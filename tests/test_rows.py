"""Declared arithmetic: torch's own rows follow from the facts, others from a file or are strict."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import reference
from properties.domain import Domain
from properties.implementation import Implementation
from properties.profiles import DEFAULT, PROFILES
from properties.rows import RESULTS, STRICT, Rows, builtin, load
from properties.shards import Shard
from properties.summary import header

IEEE = {"cudnn.conv.fp32_precision": "ieee"}


def test_without_a_declaration_every_row_is_strict() -> None:
    """An implementation that declares nothing is held to one rounding, in its dtype."""
    for dtype, row in STRICT.items():
        assert {Implementation("kernels:conv2d").arithmetic(dtype, r) for r in RESULTS} == {row}


def test_native_half_gradients_round_more_often() -> None:
    """Without oneDNN the CPU's half gradients keep partial results in half: declared."""
    rows = builtin("cpu", {"onednn.bfloat16": False, "onednn.float16": False})
    for dtype in ("float16", "bfloat16"):
        stores = [getattr(rows.of(dtype, result), "stores", "") for result in RESULTS]
        assert stores == ["none", "taps", "images", "images"]
    assert rows.of("float32", "input") == reference.FLOAT32


def test_a_second_gradient_of_the_weight_is_a_forward_convolution() -> None:
    """It has the output's row of torch's own, that of the input has the first gradient's row."""
    rows = builtin("cpu", {"onednn.enabled": False})
    for dtype in ("float32", "complex64", "float16", "bfloat16"):
        assert rows.of(dtype, "second_weight") == rows.of(dtype, "output")
        assert rows.of(dtype, "second_input") == rows.of(dtype, "input")
    assert getattr(rows.of("float32", "second_weight"), "algorithm", "") == "fast-plane"


def test_onednn_rounds_half_once_and_flushes_bfloat16() -> None:
    """With oneDNN every half result is rounded once; bfloat16 takes subnormals for zeros."""
    rows = builtin("cpu", {"onednn.bfloat16": True, "onednn.float16": True})
    assert all(rows.of("float16", result) == reference.FLOAT16 for result in RESULTS)
    found = [rows.of("bfloat16", result) for result in RESULTS]
    assert [(row.stores, row.flushes) for row in found if not isinstance(row, reference.Modular)] \
        == [("none", True)] * 4  # fmt: skip


def test_cuda_rows_follow_the_flag() -> None:
    """On CUDA float32 is IEEE only where the worker read that back; half truncates in blocks."""
    assert builtin("cuda:0", IEEE).of("float32", "output").operands is None  # type: ignore[union-attr]
    loose = builtin("cuda:0", {"cudnn.conv.fp32_precision": "tf32"}).of("float32", "output")
    assert (loose.operands, loose.truncates) == (reference.TENSOR32, True)  # type: ignore[union-attr]
    assert builtin("cuda:0", IEEE).of("float16", "output").truncates  # type: ignore[union-attr]


def test_only_torchs_own_convolution_gets_its_rows() -> None:
    """A kernel that calls itself something else is held to the strict row."""
    facts = {"onednn.bfloat16": False}
    assert Implementation("kernels:conv2d").on(facts).arithmetic("bfloat16", "input") == (
        reference.BFLOAT16
    )
    assert Implementation("F.conv2d").on(facts).arithmetic("bfloat16", "input") != (
        reference.BFLOAT16
    )


def test_a_file_declares_rows(tmp_path: Path) -> None:
    """Fields of a row replace those of the strict one, for the results that are named."""
    path = tmp_path / "rows.toml"
    path.write_text(
        '[[row]]\ndtype = "float32"\nresults = ["output", "weight"]\noperands = "tf32"\n'
        'truncates = true\n[[row]]\ndtype = "float16"\nstores = "bias"\naccumulator = "float16"\n'
    )
    rows = load(path)
    for result in ("output", "weight"):
        assert rows.of("float32", result) == reference.Arithmetic(
            "float32", reference.BINARY32, operands=reference.TENSOR32, truncates=True
        )
    assert rows.of("float32", "input") == reference.FLOAT32
    half = rows.of("float16", "bias")
    assert not isinstance(half, reference.Modular)
    assert (half.accumulator, half.stores) == (reference.BINARY16, "bias")


def test_declared_rows_are_told_in_a_line_each(tmp_path: Path) -> None:
    """The line has the dtype, the results, and what differs from the strict row."""
    path = tmp_path / "rows.toml"
    path.write_text(
        '[[row]]\ndtype = "float32"\nresults = ["output", "weight"]\noperands = "tf32"\n'
        'truncates = true\n[[row]]\ndtype = "float16"\n'
    )
    rows = load(path)
    lines = [
        "float32 output, weight: operands tf32, truncates True",
        "float16 all results: strict",
    ]
    assert rows.lines() == lines
    told: Any = {
        "profile": PROFILES[DEFAULT],
        "seed": 0,
        "seconds": None,
        "facts": {},
        "large": 0.0,
        "room": "",
        "own": False,
        "call_seconds": 0.0,
    }
    session: Any = SimpleNamespace(**told, rows=rows, domain=Domain(), shard=Shard())
    assert header(session)[1:-1] == [f"  declared: {line}" for line in lines]
    assert Rows().lines() == builtin("cpu", {}).lines() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a table of rows"),
        ("[[row]]\n", "not a table of rows"),
        ("row = 3\n", "not a table of rows"),
        ("[[row]]\ndtype = 'float8'\n", "`dtype`='float8' is not one of float32, "),
        ("[[row]]\ndtype = 'int8'\nflushes = true\n", "integers do not round"),
        ("[[row]]\ndtype = 'float32'\nresults = ['y']\n", "`results` names 'y', not one of out"),
        ("[[row]]\ndtype = 'float32'\noperands = 'fp4'\n", "`operands`='fp4' is not one of tf32"),
        ("[[row]]\ndtype = 'float32'\nstores = 2\n", "`stores`=2 is not one of none"),
        ("[[row]]\ndtype = 'float32'\natol = 1e-3\n", "`atol` is not a field of a row"),
        ("[[row]\n", "not a table of rows"),
    ],
)
def test_what_is_no_row_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A wrong file is a ValueError that names what is wrong; a tolerance cannot be declared."""
    path = tmp_path / "rows.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """So is a file that is not there."""
    with pytest.raises(ValueError, match="not a table of rows"):
        load(tmp_path / "none.toml")


def test_looser_rows_differ_from_the_declared_one() -> None:
    """What a failing kernel is told of is another row than its own, of the same dtype."""
    for dtype in ("float32", "float16", "bfloat16"):
        names = [name for name, row in Rows().looser(dtype, "output")]
        assert names
        assert all(row != STRICT[dtype] for _, row in Rows().looser(dtype, "output"))
    assert list(Rows().looser("int8", "output")) == []
