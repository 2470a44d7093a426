"""Strategies reach every level of every factor, draw valid calls only, and shrink to plain ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest
import torch
from hypothesis import find, given, seed
from hypothesis import strategies as st
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.strategies import SearchStrategy

from properties import known
from properties.case import Case
from properties.domain import FACTORS, Domain, OutOfDomain, activated
from properties.known import STOCK
from properties.levels import levels
from properties.profiles import PROFILES
from properties.strategies import CHANNELS, EXTENTS, MAX_MACS, cases

COUNT = 3000
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
    "in_channels": CHANNELS,
    "out_channels": CHANNELS,
    "output_width": EXTENTS,
    "output_height": EXTENTS,
    "batch": (0, 1, 2, 4, 5, 15, 16, 17, "unbatched"),
    "bias": ("yes", "no"),
    "dtype": ("float32", "float64"),
    "passes": FACTORS["passes"],
    "values": (
        *(f"{kind} x {kind}" for kind in ("integers", "normal", "sparse")),
        *("onehot x integers", "integers x onehot", "cancelling x normal"),
        *("wide13 x signs", "signs x wide13", "wide27 x signs", "signs x wide27"),
    ),
}
CORNER = {"kernel": ("rectangle",), "padding": ("kernel",), "padding_mode": ("reflect",)}
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


@pytest.mark.parametrize("factor", REACH)
def test_every_level_is_reached(drawn: list[Case], factor: str) -> None:
    """Each level that a factor must have occurs among the drawn cases."""
    found = {levels(case)[factor] for case in drawn}
    assert {str(level) for level in REACH[factor]} <= found


def test_layouts_are_independent(drawn: list[Case]) -> None:
    """All 8 combinations of layouts of input, weight and grad_output occur."""
    found = {
        (case.input.layout, case.weight.layout, case.grad_output.layout)
        for case in drawn
        if case.grad_output is not None
    }
    assert len(found) == 8


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
        layer = torch.nn.Conv2d(
            weight.shape[1] * p.groups,
            weight.shape[0],
            weight.shape[2:],
            p.stride,
            p.padding,
            p.dilation,
            p.groups,
            case.bias is not None,
            p.padding_mode,
            device="meta",
            dtype=dtype,
        )
        x = torch.empty_strided(case.input.shape, case.input.strides, dtype=dtype, device="meta")
        assert tuple(layer(x).shape) == case.output_shape, case


def test_size_is_bounded(drawn: list[Case]) -> None:
    """A call stays within MAX_MACS; where reflection dictates the extent, within 16 times that.

    A 9x8 kernel with dilation 3, padded by its own reach in mode "reflect", has no smaller input
    than 26x23, and so up to 65x46 outputs; seven groups of one channel are the least of "prime".
    """
    corner, _ = sample(cases(**CORNER, dilation=("3",), stride=("1",)), 150)
    assert max(case.macs for case in corner) <= 16 * MAX_MACS
    free = [c for c in drawn if c.params.padding_mode in ("zeros", "replicate")]
    assert max(case.macs for case in free) <= MAX_MACS


def test_no_draw_is_rejected() -> None:
    """Every draw that is begun becomes a case: nothing is filtered, assumed or cut off."""
    found, begun = sample(cases(), 300, base=1)
    assert len(found) == begun == 300


def test_only_small_choices_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every choice is a boolean or one of fewer than 100: only these ignore the installation."""
    spans: list[int] = []
    honest = ConjectureData.draw_integer

    def spy(data: ConjectureData, min_value: int, max_value: int, **rest: object) -> int:
        spans.append(max_value - min_value + 1)
        return honest(data, min_value, max_value, **rest)  # type: ignore[call-overload, no-any-return]

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


@pytest.mark.parametrize(
    "constraints",
    [
        "dtype=float32 groups=1 passes=forward",
        "bias=no",
        "passes=backward padding_mode=zeros batch=2|unbatched",
        "kernel=square|1x1 stride=1|2 padding=same|0 dilation=1",
        "layout=channels_last batch=1|4 groups=depthwise|prime",
        "layout=channels_last",
        "stride=2 batch=16|17",
    ],
)
def test_draws_stay_in_the_domain(constraints: str) -> None:
    """Under an activated domain every factor of every case has a level that is declared."""
    domain = Domain.parse([constraints])
    with activated(domain):
        found, _ = sample(cases(), 150)
    for case in found:
        for factor in domain.levels:
            assert _named(case, factor) & set(domain.options(factor)), (factor, case)


def _named(case: Case, factor: str) -> set[str]:
    """Return the levels of `FACTORS` that describe the case."""
    p, found = case.params, levels(case)
    if factor in ("stride", "dilation"):
        pair = getattr(p, factor)
        return {str(pair[0]) if pair[0] == pair[1] else f"{pair[0]},{pair[1]}"}
    if factor == "padding":
        return {p.padding} if isinstance(p.padding, str) else {str(p.padding[0])}
    if factor == "groups":
        return {found["groups"], {1: "1", 2: "2"}.get(p.groups, "prime")}
    if factor == "layout":
        layouts = {t.layout for t in case.tensors.values() if len(t.shape) == 4}
        return layouts if len(layouts) == 1 else set()
    return {found[factor]}


@pytest.mark.parametrize(
    ("declared", "needed"),
    [
        ("dtype=float32", {"dtype": ("float64",)}),
        ("passes=forward", {"passes": FACTORS["passes"][1:]}),
        ("groups=1", {"derived": {"groups": "2"}}),
        ("bias=no passes=bias", {}),
        ("stride=2 padding=same", {}),
        ("layout=channels_last batch=unbatched", {}),
    ],
)
def test_what_the_domain_lacks_is_said(declared: str, needed: dict[str, Sequence[str]]) -> None:
    """A property that needs what is not declared ends with OutOfDomain, at its first draw."""
    with activated(Domain.parse([declared])), pytest.raises(OutOfDomain):
        sample(cases(**needed), 20)  # type: ignore[arg-type]


def test_known_crashes_are_stepped_round() -> None:
    """With the stock defects active no draw lies in a crash region; without, some draw does."""
    only = {"dtype": ("float32",), "bias": ("yes",), "dilation": ("3",), "padding_mode": ("zeros",)}
    crashes = [defect for defect in STOCK if defect.kind in ("crash", "hang")]
    free, _ = sample(cases(**only), 300)
    with known.activated(STOCK):
        stepped, _ = sample(cases(**only), 300)
    for defect in crashes:
        assert any(defect.covers(case) for case in free)
        assert not any(defect.covers(case) for case in stepped)
