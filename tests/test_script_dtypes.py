"""The script of a violation in every dtype and for every derivative, run inside this process."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from properties import violations as v
from properties.case import Case, Tensor
from properties.drafts import along
from properties.dtypes import DTYPES, FLOATING
from properties.implementation import Implementation
from properties.repro import WRITTEN_OUT, script
from properties.rows import STRICT, Rows
from properties.values import Recipe
from reference import Arithmetic, Conv2dParams

STOCK = "torch.nn.functional:conv2d"
# So that no build's own way with half precision matters here.
LOOSE = Rows(
    {
        (name, result): replace(row, stores="any", flushes=True)
        for name, row in STRICT.items()
        if isinstance(row, Arithmetic) and name in ("float16", "bfloat16")
        for result in ("output", "input", "weight", "bias")
    }
)


def call(dtype: str, extent: int = 6) -> Case:
    """Return a call on drawn values, large enough to be hashed into being for a large extent."""
    kind = "words" if DTYPES[dtype].kind == "integer" else "normal"
    return Case(
        Tensor((2, 2, extent, extent), Recipe(kind, 1)),
        Tensor((2, 2, 3, 3), Recipe(kind, 2)),
        Tensor((2,), Recipe(kind, 3)),
        Conv2dParams(padding=1, stride=2),
        dtype,
    )


def backward(case: Case) -> Case:
    """Return the call with every gradient."""
    upstream = Tensor(case.output_shape, Recipe("normal", 4))
    return case.replace(gradients=("input", "weight", "bias"), grad_output=upstream)


def problems(case: Case, target: str, directory: Path) -> list[str]:
    """Return what the script of a case finds wrong with a target, in this process."""
    import torch

    text = script(v.ValueViolation("imagined", case), Implementation(STOCK, rows=LOOSE))
    path = directory / "inside.py"
    path.write_text(text)
    listed = runpy.run_path(str(path))["problems"]
    listed.__globals__["TARGET"] = target
    return list(listed(torch))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("extent", [6, 34])
def test_torch_is_as_defined(dtype: str, extent: int, tmp_path: Path) -> None:
    """Operands, written out or hashed, are those of the judge: torch is right on them."""
    case = call(dtype, extent)
    assert (extent == 34) is (2 * 2 * extent**2 > WRITTEN_OUT)
    assert problems(case, STOCK, tmp_path) == []


@pytest.mark.parametrize("dtype", FLOATING)
def test_gradients_are_as_defined(dtype: str, tmp_path: Path) -> None:
    """So are its gradients, in every floating dtype."""
    assert problems(backward(call(dtype)), STOCK, tmp_path) == []


@pytest.mark.parametrize("target", [STOCK, "torch.nn:Conv2d"])
@pytest.mark.parametrize("derivative", ["forward-mode", "second"])
@pytest.mark.parametrize("dtype", FLOATING)
def test_higher_derivatives_are_as_defined(
    dtype: str, derivative: str, target: str, tmp_path: Path
) -> None:
    """So are the tangent and the second-order gradients, of a function and of a layer."""
    case = call(dtype)
    asked = along(backward(case) if derivative == "second" else case, derivative)
    assert problems(asked, target, tmp_path) == []


@pytest.mark.parametrize(
    ("derivative", "mutant"),
    [("forward-mode", "tangent_without_weight"), ("second", "grad_input_without_graph")],
)
def test_wrong_higher_derivatives_are_found(derivative: str, mutant: str, tmp_path: Path) -> None:
    """A wrong tangent and a wrong second-order gradient are told, by name."""
    case = call("float64")
    asked = along(backward(case) if derivative == "second" else case, derivative)
    told = problems(asked, f"tests.mutants.gradients:{mutant}", tmp_path)
    assert any(
        {"forward-mode": "tangent", "second": "second_"}[derivative] in line for line in told
    )
