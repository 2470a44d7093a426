"""Strategies reach every level of every factor, draw valid calls only, and shrink to plain ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import find, given, seed
from hypothesis import strategies as st
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.strategies import SearchStrategy

from properties.case import Case
from properties.composition import MAX_MACS
from properties.domain import FACTORS
from properties.dtypes import INTEGER
from properties.levels import levels
from properties.profiles import PROFILES
from properties.strategies import cases

COUNT = 2000
REACH: dict[str, Sequence[object]] = {
    "kernel": ("1x1", "1xK", "Kx1", "square", "rectangle"),
    "kernel_parity": ("even", "odd", "mixed"),
    "kernel_size": ("below 7", "7 or more"),
    "kernel_fit": ("inside", "equal to the input", "larger than the input"),
    "stride": ("1", "2", "3", "unequal"),
    "stride_vs_kernel": ("within", "larger"),
    "remainder": ("none", "left over"),
    "padding": ("0", "1", "2", "unequal", "kernel or more", "valid", "same"),
    "padding_ends": ("even", "uneven"),
    "padding_mode": ("zeros", "reflect", "replicate", "circular"),
    "columns": ("read the input", "read only padding"),
    "dilation": ("1", "2", "3", "unequal"),
    "groups": ("1", "2", "depthwise", "multiplier", "prime"),
    "in_channels": (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65),
    "out_channels": (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65),
    "output_width": (1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65),
    "images": ("some", "none"),
    "group_channels": ("1", "several"),
    "channel_blocks": ("full", "one channel", "none", "last one partial"),
    "row_padding": ("at most half", "more"),
    "height_steps": ("strided and dilated", "strided or dilated"),
    "output_columns": ("28 or fewer", "29 or more"),
    "dilation_h": ("1", "2 or more"),
    "width_steps": ("strided and dilated", "strided or dilated"),
    "row_reads": ("one", "several"),
    "dilated_kernel": ("inside", "outside"),
    "padding_w": ("0", "1 or more"),
    "width_vs_stride": ("narrower", "wider"),
    "batch": (0, 1, 2, 4, 5, 15, 16, 17, "unbatched"),
    "bias": ("yes", "no"),
    "dtype": FACTORS["dtype"],
    "passes": (
        *("forward", "input", "weight", "input+weight"),
        *("bias", "input+bias", "weight+bias", "input+weight+bias"),
    ),
    "values": (
        *(f"{kind} x {kind}" for kind in ("integers", "normal", "sparse")),
        *("onehot x integers", "integers x onehot", "cancelling x normal", "words x words"),
        *("few x normal", "normal x few", "signs x signs"),
        *("wide20 x signs", "signs x wide20", "wide27 x signs", "signs x wide27"),
        *("wide8 x signs", "signs x wide8", "wide11 x signs", "signs x wide11"),
    ),
}
CORNER: dict[str, Any] = {
    "kernel": ("rectangle",),
    "padding": ("kernel",),
    "padding_mode": ("reflect",),
    "dilation": ("3",),
    "stride": ("1",),
}
PLAIN = "float32, input 1x1x1x1, weight 1x1x1x1"
SHRUNK: dict[str, tuple[Callable[[Case], bool], str]] = {
    "any case": (lambda c: True, PLAIN),
    "stride": (lambda c: c.params.stride != (1, 1), f"{PLAIN}, stride (2, 2)"),
    "stride 3": (lambda c: c.params.stride == (3, 3), f"{PLAIN}, stride (3, 3)"),
    "dilation": (lambda c: c.params.dilation != (1, 1), f"{PLAIN}, dilation (2, 2)"),
    "groups": (
        lambda c: c.params.groups > 1,
        "float32, input 1x2x1x1, weight 2x1x1x1, groups 2",
    ),
    "same": (lambda c: c.params.padding == "same", f"{PLAIN}, padding same"),
    "padding": (lambda c: c.params.pads((1, 1))[0][0] > 0, f"{PLAIN}, padding (1, 1)"),
    "mode": (lambda c: c.params.padding_mode == "reflect", f"{PLAIN}, padding_mode reflect"),
    "kernel of 7": (
        lambda c: max(c.weight.shape[2:]) >= 7,
        "float32, input 1x1x7x7, weight 1x1x7x7",
    ),
    "even kernel": (
        lambda c: c.weight.shape[3] % 2 == 0,
        "float32, input 1x1x2x2, weight 1x1x2x2",
    ),
    "float64": (lambda c: c.dtype == "float64", "float64, input 1x1x1x1, weight 1x1x1x1"),
    "bias": (lambda c: c.bias is not None, f"{PLAIN}, bias"),
    "gradient": (lambda c: "weight" in c.gradients, f"{PLAIN}, gradients of weight"),
    "layout": (
        lambda c: c.input.layout == "channels_last",
        "float32, input 1x1x1x1 channels_last, weight 1x1x1x1",
    ),
    "width": (lambda c: c.output_shape[-1] >= 32, "float32, input 1x1x1x32, weight 1x1x1x1"),
    "batch": (
        lambda c: len(c.input.shape) == 4 and c.input.shape[0] >= 16,
        "float32, input 16x1x1x1, weight 1x1x1x1",
    ),
    "no batch": (lambda c: len(c.input.shape) == 3, "float32, input 1x1x1, weight 1x1x1x1"),
}


def sample(strategy: SearchStrategy[Case], count: int, base: int = 0) -> tuple[list[Case], int]:
    """Return the cases of one search under the gate's settings, and how many draws it began."""
    drawn: list[Case] = []
    begun = 0

    @st.composite
    def counted(draw: Callable[[SearchStrategy[Case]], Case]) -> Case:
        nonlocal begun
        begun += 1
        return draw(strategy)

    @seed(base)
    @PROFILES["conv2d-gate"].settings(count)
    @given(case=counted())
    def search(case: Case) -> None:
        drawn.append(case)

    search()
    return drawn, begun


@pytest.fixture(scope="module")
def drawn() -> list[Case]:
    """Cases of `cases()`, drawn once for this module."""
    return sample(cases(), COUNT)[0]


@pytest.fixture(scope="module")
def reached(drawn: list[Case]) -> dict[str, set[str]]:
    """Return the levels of the drawn cases, by factor."""
    found = list(map(levels, drawn))
    return {factor: {case[factor] for case in found} for factor in found[0]}


@pytest.mark.parametrize("factor", REACH)
def test_every_level_is_reached(reached: dict[str, set[str]], factor: str) -> None:
    """Each level that a factor must have occurs among the drawn cases."""
    assert {str(level) for level in REACH[factor]} <= reached[factor]


def test_layouts_are_independent(drawn: list[Case]) -> None:
    """All 8 combinations of layouts of input, weight and grad_output occur."""
    found = {
        (case.input.layout, case.weight.layout, case.grad_output.layout)
        for case in drawn
        if case.grad_output is not None
    }
    assert set(product(("contiguous", "channels_last"), repeat=3)) <= found


def test_every_operand_is_wide_somewhere(drawn: list[Case]) -> None:
    """Input, weight and grad_output take turns at the widest integers: packed copies are seen."""
    wide = {
        name
        for case in drawn
        for name, tensor in case.tensors.items()
        if getattr(tensor.values, "kind", "").startswith("wide")
    }
    assert wide == {"input", "weight", "grad_output"}


def test_same_meets_even_kernels_and_dilation(drawn: list[Case]) -> None:
    """padding='same' occurs with an odd total, and with dilation on an even kernel."""
    same = [levels(case) for case in drawn if case.params.padding == "same"]
    assert any(level["padding_ends"] == "uneven" for level in same)
    assert any(level["kernel_parity"] == "even" and level["dilation"] != "1" for level in same)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
def test_torch_accepts_every_case(drawn: list[Case]) -> None:
    """nn.Conv2d, on the meta device, takes every drawn call and gives the declared shape."""
    for case in drawn:
        p, weight, dtype = case.params, case.weight, getattr(torch, case.dtype)
        arguments: dict[str, Any] = dataclasses.asdict(p)
        if case.dtype in INTEGER:
            continue  # nn.Conv2d has none; that F.conv2d takes them is the gate's to show
        layer = torch.nn.Conv2d(
            weight.shape[1] * p.groups,
            weight.shape[0],
            (weight.shape[2], weight.shape[3]),
            bias=case.bias is not None,
            device="meta",
            dtype=dtype,
            **arguments,
        )
        x = torch.empty_strided(case.input.shape, case.input.strides, dtype=dtype, device="meta")
        assert tuple(layer(x).shape) == case.output_shape, case


def test_size_is_bounded(drawn: list[Case]) -> None:
    """Nearly every call stays within MAX_MACS multiply-accumulates; none exceeds 17.1 times that.

    The exception is padding by the kernel's own reach, which dictates an output of up to 65x52
    for 8x9 taps; seven groups of one channel are then the least that "prime" may mean.
    """
    corner, _ = sample(cases(**CORNER), 150)
    assert max(case.macs for case in (*drawn, *corner)) <= 7 * 65 * 52 * 8 * 9
    assert sum(case.macs > MAX_MACS for case in drawn) < 0.01 * len(drawn)


def test_no_draw_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """No draw is filtered or assumed away; Hypothesis itself may cut off one that it mutates."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a draw was rejected")

    monkeypatch.setattr(ConjectureData, "mark_invalid", forbidden)
    found, begun = sample(cases(), 300, base=1)
    assert len(found) == 300
    assert begun < 310


def test_examples_are_no_variants_of_each_other() -> None:
    """Hypothesis has no two draws of an example to copy from one to the other, as it would."""
    for strategy in (cases(), cases(passes=("forward",))):
        found, _ = sample(strategy, 300)
        assert len({case.key for case in found}) > 270


def test_only_small_choices_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every choice is a boolean or one of fewer than 100: only these ignore the installation."""
    spans: list[int] = []
    honest = ConjectureData.draw_integer

    def spy(data: ConjectureData, min_value: int, max_value: int, **rest: Any) -> int:
        spans.append(max_value - min_value + 1)
        return honest(data, min_value, max_value, **rest)

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a float, string or bytes was drawn")

    monkeypatch.setattr(ConjectureData, "draw_integer", spy)
    for name in ("draw_float", "draw_string", "draw_bytes"):
        monkeypatch.setattr(ConjectureData, name, forbidden)
    sample(cases(), 100)
    assert spans
    assert max(spans) < 100


@pytest.mark.parametrize("name", SHRUNK)
def test_shrinks_to_the_plainest_call(name: str) -> None:
    """What a predicate does not speak of is at its plainest: integers of seed 0, no scale."""
    predicate, expected = SHRUNK[name]
    settings = PROFILES["conv2d-gate"].settings(2000)
    case = find(cases(), predicate, settings=settings, random=Random(0))
    assert case.summary() == expected
    for place, tensor in enumerate((case.input, case.weight)):
        assert tensor.to_json()["values"] == {"kind": "integers", "seed": place, "exponent": 0}
