"""Known defects: which builds and calls they cover, what they explain, and how draws avoid them."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from properties import violations
from properties.case import Case, Tensor
from properties.domain import FACTORS, Domain
from properties.implementation import Implementation
from properties.known import Avoidance, KnownDefect, activated, avoiding
from properties.levels import levels
from properties.stock import STOCK, stock_defects
from properties.stock_compiled import COMPILED
from properties.stock_formats import FORMATS
from properties.stock_other import OTHER
from properties.stock_refusals import UNREFUSED
from properties.strategies import cases
from properties.subject import Subject
from properties.values import Recipe
from tests.test_strategies import sample

AROUND = {  # whatever the kernels are
    *(defect.id for defect in OTHER),
    *(defect.id for defect in UNREFUSED if defect.affected == {"torch": "2."}),
}
NATIVE = {d.id for d in FORMATS if not any(name.startswith("onednn") for name in d.affected)}
WITHOUT = {defect.id for defect in FORMATS if "False" in defect.affected.values()}
HERE = {
    "torch": "2.13.0+cpu",
    "device_name": "cpu",
    "cpu": "AVX512",
    "onednn": "3.12.0",
    "onednn.enabled": True,
    "onednn.bfloat16": True,
    "onednn.float16": False,
}


# Of torch itself: on the CPU, whether or not it asks oneDNN; and on a GPU.
OWN = {"torch-dilated-integers", *(defect.id for defect in COMPILED)} | {
    defect.id for defect in UNREFUSED if defect.affected.get("device_name") != "NVIDIA"
}
ON_GPUS = {d.id for d in (*OTHER, *UNREFUSED) if d.affected.get("device_name") != "cpu"}


def call(width: int = 2, dtype: str = "float32") -> Case:
    """Return a call in the region of `DEFECT` if it is at most 2 wide."""
    ones = Recipe("ones")
    return Case(Tensor((1, 1, 4, width), ones), Tensor((1, 1, 1, 1), ones), dtype=dtype)


DEFECT = KnownDefect(
    id="narrow",
    summary="crashes on narrow outputs",
    upstream="https://example.org/1",
    affected={"torch": "2.13", "device_name": "cpu"},
    region={"dtype": ("float32",), "output_width": ("1", "2")},
    kind="crash",
    case={},
    avoid=Avoidance(min_width=3),
)


@pytest.mark.parametrize(
    ("change", "affected"),
    [
        ({}, True),
        ({"torch": "2.13.1"}, True),
        ({"torch": "2.12.0"}, False),
        ({"device_name": "NVIDIA H100"}, False),
        ({"onednn": None}, True),
    ],
)
def test_builds_are_matched_by_prefix(change: dict[str, str | None], affected: bool) -> None:
    """A worker is affected if every named fact begins as recorded; other facts do not matter."""
    assert DEFECT.affects({**HERE, **change}) == affected


def test_a_missing_fact_is_no_match() -> None:
    """A worker that does not report a fact is not taken for an affected build."""
    assert not DEFECT.affects({"torch": "2.13.0"})


def test_the_region_is_a_conjunction() -> None:
    """A call is covered if every factor has one of the region's levels, and not otherwise."""
    assert DEFECT.covers(call())
    assert DEFECT.covers(call(width=1))
    assert not DEFECT.covers(call(width=3))
    assert not DEFECT.covers(call(dtype="float64"))


def test_only_the_same_kind_is_explained() -> None:
    """In the region another kind of violation, outside of it any, is not the known one."""
    assert DEFECT.explains([call()], "crash")
    assert not DEFECT.explains([call()], "value")
    assert not DEFECT.explains([call(width=3)], "crash")


def test_of_invalid_calls_only_the_same_edits_are_explained() -> None:
    """A defect of invalid calls explains those with one of its edits, and no valid call."""
    unrefused = replace(DEFECT, kind="accepted", edits=("zero stride", "zero dilation"))
    assert unrefused.explains([call()], "accepted", ["groups below 1", "zero stride"])
    assert not unrefused.explains([call()], "accepted", ["groups below 1"])
    assert not unrefused.explains([call()], "accepted")
    assert not unrefused.explains([call(width=3)], "accepted", ["zero stride"])
    assert DEFECT.explains([call()], "crash", ["zero stride"])


def test_a_relation_is_explained_by_any_of_its_calls() -> None:
    """A wrong value comes to light under other kinds too, through whichever call is covered."""
    wrong = KnownDefect(
        "w", "", "", {}, DEFECT.region, "value", {}, shows_as=("relation", "nondeterminism")
    )
    assert wrong.explains([call(width=3), call()], "relation")
    assert not wrong.explains([call(width=3)], "relation")
    assert not wrong.explains([call()], "crash")


def test_draws_step_round_active_regions() -> None:
    """A covered call is assembled again as `avoid` says; any other stays as it is."""
    asked: list[Avoidance] = []

    def assemble(avoid: Avoidance) -> Case:
        asked.append(avoid)
        return call(width=max(2, avoid.min_width))

    with activated([DEFECT]):
        assert avoiding(assemble).input.shape == (1, 1, 4, 3)
    assert asked == [Avoidance(), Avoidance(min_width=3)]
    assert avoiding(assemble).input.shape == (1, 1, 4, 2)


def test_several_avoidances_hold_together() -> None:
    """A step round one region does not lead back into another."""
    tall = KnownDefect(
        "short", "", "", {}, {"output_height": ("1", "2", "3", "4")}, "hang", {}, Avoidance(6)
    )

    def assemble(avoid: Avoidance) -> Case:
        ones = Recipe("ones")
        shape = (1, 1, max(4, avoid.min_height), max(2, avoid.min_width))
        return Case(Tensor(shape, ones), Tensor((1, 1, 1, 1), ones))

    for defects in ([DEFECT, tall], [tall, DEFECT]):
        with activated(defects):
            found = avoiding(assemble)
        assert not any(defect.covers(found) for defect in defects)


def test_defects_without_avoidance_are_run() -> None:
    """A wrong value costs no process: such calls are drawn, run and counted."""
    wrong = KnownDefect("w", "", "", {}, {"dtype": ("float32",)}, "value", {})
    with activated([wrong]):
        assert wrong.covers(avoiding(lambda _: call()))


@pytest.mark.parametrize("ends", [True, False])
def test_what_may_damage_a_process_has_its_own(ends: bool) -> None:
    """A call that lies in the region of a crash, and may, is the last that its process makes."""
    began: list[str] = []

    def run(case: Case) -> None:
        if ends:
            raise violations.CrashViolation("SIGSEGV ended the process", case)

    runner: Any = SimpleNamespace(run=run, fresh=lambda: began.append("fresh"))
    drawn = replace(DEFECT, avoid=None)
    subject = Subject(Implementation("F.conv2d"), runner, Domain(), [DEFECT, drawn])
    for width, processes in ((3, 0), (2, 1)):
        with contextlib.suppress(violations.CrashViolation):
            subject.run(call(width))
        assert len(began) == processes


@pytest.mark.parametrize("defect", STOCK, ids=lambda defect: defect.id)
def test_recorded_defects_are_well_formed(defect: KnownDefect) -> None:
    """Each has a kind that exists, a region of known factors, an upstream report if any, a case.

    The case reads back and lies in the region, so that it can be run to learn whether it is fixed.
    """
    assert defect.kind in violations.KINDS
    assert set(defect.shows_as) <= set(violations.KINDS)
    assert re.match(r"https://", defect.upstream) or not defect.upstream
    assert set(defect.region) <= set(levels(call()))
    for factor in set(defect.region) & set(FACTORS):
        assert all(defect.region[factor]), factor
    # Few calls reach these.
    undrawn = defect.id.startswith(("onednn-strided-1x1-weight-", "onednn-wide-stride"))
    assert (defect.avoid is not None) == (defect.kind in ("crash", "hang") and not undrawn)
    case = Case.from_json(defect.case)
    assert defect.covers(case)
    assert defect.checks(case, "module" if "padding_mode" in defect.region else "function", "cpu")


def test_stock_defects_are_those_of_the_build() -> None:
    """Of the recorded defects a build gets those that affect it; a CUDA worker has no CPU one."""
    assert stock_defects(HERE) == tuple(d for d in STOCK if d.affects(HERE))
    assert "pytorch-195394" in [defect.id for defect in stock_defects(HERE)]
    assert ids({**HERE, "torch": "2.9.1"}) == AROUND
    hopper = {"torch": "2.11.0", "device_name": "NVIDIA H100"}
    assert ids({**hopper, "cudnn": 90100}) == ON_GPUS
    more = ids({**hopper, "cudnn": 91900}) - ids({**hopper, "cudnn": 90100})
    assert more == {"cudnn-negative-overflow", "cudnn-one-pixel-column"}


def ids(facts: dict[str, Any]) -> set[str]:
    """Return the names of the defects of a build."""
    return {defect.id for defect in stock_defects(facts)}


def test_without_onednn_its_defects_are_gone() -> None:
    """What oneDNN gets wrong is no excuse where torch does not ask it: off, or for this dtype."""
    off = {name: False for name in HERE if name.startswith("onednn.")}
    assert ids({**HERE, **off}) == OWN | AROUND | NATIVE | WITHOUT
    left = stock_defects({**HERE, "onednn.bfloat16": False})
    assert {d.region["dtype"] for d in left if d.id not in ids({**HERE, **off})} == {
        ("float32", "complex64"),
        ("float32", "complex64", "bfloat16"),
        ("float32", "float16", "bfloat16", "complex64"),
    }


def test_known_crashes_are_stepped_round() -> None:
    """With the stock defects active no draw lies in a crash region; without, some draw does."""
    empty_rows: dict[str, Any] = {
        "bias": ("yes",),
        "dilation": ("3",),
        "stride": ("2",),
        "padding": ("1", "2"),
        "groups": ("2", "multiplier"),
        "padding_mode": ("zeros",),
        "layout": ("channels_last",),
    }
    one_by_one: dict[str, Any] = {
        "kernel": ("1x1",),
        "stride": ("2",),
        "padding": ("0",),
        "groups": ("1",),
        "layout": ("channels_last",),
        "passes": ("weight",),
    }
    second: dict[str, Any] = {
        "derivative": "second",
        "passes": ("input+weight",),
        "bias": ("no",),
        "kernel": ("1x1",),
        "stride": ("4,3",),
        "padding": ("1",),
        "dilation": ("1,2",),
    }
    for defect in STOCK:
        if defect.avoid is not None:
            only = one_by_one if "odd_blocks" in defect.region else empty_rows
            only = second if "derivatives" in defect.region else only
            if "reads_as_again" in defect.region:
                only = {**only, "layout": ("odd-strides",), "batch": ("4", "5"), "groups": ("1",)}
            only = {**only, "dtype": defect.region["dtype"]}
            draws = 600 if "odd_blocks" in defect.region else 300  # of rare sizes
            free, _ = sample(cases(**only), draws)
            with activated(STOCK):
                stepped, _ = sample(cases(**only), draws)
            assert any(map(defect.covers, free))
            assert not any(known.covers(case) for case in stepped for known in STOCK if known.avoid)
