"""Freshly built layers: the bound is the documented one, and each way to miss it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from properties import violations as v
from properties.case import Case, Tensor
from properties.fan import attributes, bound
from properties.implementation import Implementation
from properties.initial import recheck_initial
from properties.replay import FAILED, FIXED, replay
from properties.repro import script
from properties.values import Recipe
from tests.killing import Recycling, subject_of
from tests.mutants import MUTANTS
from tests.test_modes import problems

STOCK = "torch.nn:Conv2d"
CHECK = {"kind": "initial", "seed": 3}
ONES = Recipe("ones")
CASE = Case(Tensor((1, 8, 9, 9), ONES), Tensor((32, 4, 3, 5), ONES), Tensor((32,), ONES)).replace(
    groups=2, stride=(2, 1), padding="valid"
)
FRESH = [mutant.target for mutant in MUTANTS if mutant.place.startswith("fresh:")]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_the_bound_is_tight(dtype: str) -> None:
    """Torch's own weights stay below it, and come within a hundredth of 1 / sqrt(fan_in)."""
    u = torch.finfo(getattr(torch, dtype)).eps / 2
    assert bound(CASE, u) == pytest.approx(1 / np.sqrt(4 * 3 * 5), rel=8 * u)
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(8, 32, (3, 5), groups=2, dtype=getattr(torch, dtype))
    largest = layer.weight.detach().double().abs().max().item()
    assert (0.99 - 8 * u) * bound(CASE, u) < largest <= bound(CASE, u)


def test_attributes_are_those_of_torch() -> None:
    """Torch's own layer has every attribute that is asked for, whatever form it was given in."""
    layer = torch.nn.Conv2d(8, 32, (3, 5), stride=(2, 1), padding="valid", groups=2)
    for name, value in attributes(CASE).items():
        assert getattr(layer, name) == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("target", [*FRESH, "tests.test_initial:OtherForm"])
def test_what_is_wrong_is_told_and_can_be_run_again(
    target: str, spares: Recycling, tmp_path: Path
) -> None:
    """The judge, the script and replay find each defect, and none in torch's own layer."""
    subject = subject_of(target, spares)
    with pytest.raises(v.InitialViolation) as caught:
        recheck_initial(subject, CASE, CHECK)
    subject.runner.close()
    stock = subject_of(STOCK, spares)
    recheck_initial(stock, CASE, CHECK)
    stock.runner.close()
    listed = problems(script(caught.value, Implementation(target)), tmp_path)
    assert list(listed(torch)) != []
    listed.__globals__["TARGET"] = STOCK
    assert list(listed(torch)) == []


@pytest.mark.parametrize(("target", "status"), [(FRESH[0], FAILED), (STOCK, FIXED)])
def test_replay_builds_the_layers_again(
    target: str, status: int, spares: Recycling, tmp_path: Path
) -> None:
    """A case.json of this check is FAILED while the layer starts wrong, and else FIXED."""
    path = tmp_path / "case.json"
    path.write_text(
        json.dumps(
            {"implementation": target, "device": "cpu", "check": CHECK, "case": CASE.to_json()}
        )
    )
    assert replay(path, spares)[0] == status


class OtherForm(torch.nn.Conv2d):
    """Has a bias although there shall be none, and none where there shall be one."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **{**named, "bias": not named["bias"]})
