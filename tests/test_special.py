"""Infinities and NaN: what the enclosures require is what IEEE 754 computes, in every order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from properties import finish as finish_module
from properties.case import Case, Tensor
from properties.dtypes import COMPLEX, DTYPES, REAL, Exact
from properties.finish import finish
from properties.judge import judge_readings
from properties.known import KnownDefect
from properties.pairs import explains
from properties.placing import ENDS, at_the_ends, specials
from properties.replay import FAILED, FIXED, replay
from properties.rows import STRICT
from properties.sight import READINGS, Reading
from properties.special import enclosures, told
from properties.stock import STOCK
from properties.violations import PairViolation, PoisonViolation, Violation
from reference import FLOAT16, FLOAT32, FLOAT64
from tests.killing import Recycling, subject_of
from tests.test_replay_and_script import problems
from tests.test_strategies import sample

INF, NAN = math.inf, math.nan
MULTIPLIED, SKIPPED = Reading(True, True, True), Reading(True, False, False)
few = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def row(*values: float, weight: tuple[float, ...] = (1.0, 1.0), **changes: Any) -> Case:
    """Return the convolution of one row with one kernel of one row."""
    x, w = np.array(values)[None, None, None], np.array(weight)[None, None, None]
    return Case(Tensor.of(x), Tensor.of(w)).replace(**changes)


def only(case: Case, name: str = "output") -> Exact:
    """Return the midpoints of the one reading that there is; every radius is 0."""
    (ball,) = enclosures(case, name, FLOAT32).values()
    assert not ball.rad.any()
    return ball.mid.ravel()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 2, NAN, 4, 5), (3, NAN, NAN, 9)),
        ((1, 2, INF, 4, 5), (3, INF, INF, 9)),
        ((1, -INF, INF, 4, 5), (-INF, NAN, INF, 9)),
        ((INF, INF, 1, 2, NAN), (INF, INF, 3, NAN)),
    ],
)
def test_a_row_is_what_ieee_says(values: tuple[float, ...], expected: tuple[float, ...]) -> None:
    """NaN from NaN and from infinities of both signs, infinity from one sign, else the sum."""
    np.testing.assert_array_equal(only(row(*values)), expected)


def test_signs_follow_the_weight() -> None:
    """An infinity takes the sign of its product."""
    np.testing.assert_array_equal(only(row(1, INF, 1, weight=(1, -1))), (-INF, INF))


def test_zeros_and_padding_have_readings() -> None:
    """0 * inf is NaN or skipped, in the whole result; padding likewise."""
    case = row(INF, 1, INF, weight=(0.0, 1.0))
    found = enclosures(case, "output", FLOAT32)
    assert [ball.mid.ravel().tolist() for ball in found.values()][1] == [1.0, INF]
    assert np.isnan(found[MULTIPLIED].mid.ravel()[0])
    padded = row(1, 1, weight=(INF, 1.0), padding=(0, 1))
    multiplied, skipped = enclosures(padded, "output", FLOAT32).values()
    np.testing.assert_array_equal(multiplied.mid.ravel(), (NAN, INF, INF))
    np.testing.assert_array_equal(skipped.mid.ravel(), (1, INF, INF))


def test_two_readings_do_not_mix() -> None:
    """A result that multiplies by one zero and skips another one lies in no reading."""
    case = row(INF, 1, INF, 1, weight=(0.0, 1.0))
    balls = enclosures(case, "output", FLOAT32)
    for values, inside in (((NAN, INF, NAN), True), ((1, INF, 1), True), ((NAN, INF, 1), False)):
        observed = np.array(values).reshape(1, 1, 1, 3)
        assert judge_readings(observed, balls)[1].ok == inside


def test_a_reading_is_told_where_another_is_possible() -> None:
    """What was met is said in words, and nothing where nothing could differ."""
    assert told(MULTIPLIED, [MULTIPLIED]) == []
    assert told(SKIPPED, [MULTIPLIED, SKIPPED]) == [
        "rows of padding are skipped at infinities and NaN",
        "columns of padding are skipped at infinities and NaN",
    ]


def results(case: Case) -> Iterator[tuple[str, Exact]]:
    """Yield the results of the plain loops, which multiply by every zero of the padding."""
    a, rest = case.arrays, case.arguments
    yield "output", reference.conv2d_loops(a["input"], a["weight"], a.get("bias"), **rest)
    g = a.get("grad_output")
    if "input" in case.gradients:
        yield "input", reference.conv2d_input_loops(case.input.shape, a["weight"], g, **rest)
    if "weight" in case.gradients:
        yield "weight", reference.conv2d_weight_loops(a["input"], case.weight.shape, g, **rest)
    if "bias" in case.gradients:
        yield "bias", reference.conv2d_bias_loops(g)


def small(cases: st.SearchStrategy[Case], dtypes: tuple[str, ...]) -> st.SearchStrategy[Case]:
    """Return the calls that plain loops can do, of some dtypes."""
    return cases.filter(lambda case: case.macs < 3000 and case.dtype in dtypes)


@few
@given(case=small(specials(), REAL))
def test_the_plain_loops_lie_in_a_reading(case: Case) -> None:
    """IEEE arithmetic, product by product, is what is required; nothing else is."""
    for name, found in results(case):
        balls = enclosures(case, name, STRICT[case.dtype])
        stored = DTYPES[case.dtype].rounded(found)
        assert judge_readings(stored, balls)[1].ok, name
        first = next(iter(balls.values()))
        assert not first.contains(np.where(np.isfinite(stored), NAN, 0.0))[~_open(first)].any()


def _open(ball: reference.Enclosure) -> Any:
    """Return where more than the right value is allowed."""
    return ball.may_overflow


@few
@given(case=small(specials(), COMPLEX))
def test_either_form_of_complex_products_lies_inside(case: Case) -> None:
    """Four real convolutions or three: both make no part finite of what sees such a number."""
    a, rest = case.arrays, case.arguments
    x, w = a["input"], a["weight"]

    def real(x: Exact, w: Exact) -> Exact:
        return reference.conv2d_loops(np.ascontiguousarray(x), np.ascontiguousarray(w), **rest)

    with np.errstate(all="ignore"):
        parts = real(x.real, w.real), real(x.imag, w.imag)
        third = real(x.real + x.imag, w.real + w.imag)
        four = real(x.real, w.imag) + real(x.imag, w.real)
        three = third - parts[0] - parts[1]
        for imaginary in (four, three):
            y = np.empty(four.shape, np.complex128)
            y.real, y.imag = parts[0] - parts[1], imaginary
            if "bias" in a:
                bias = np.broadcast_to(a["bias"][:, None, None], y.shape)
                y.real, y.imag = y.real + bias.real, y.imag + bias.imag
            assert judge_readings(y, enclosures(case, "output", FLOAT64))[1].ok


@pytest.mark.parametrize("algorithm", ["fast-tile", "fast-plane"])
def test_only_declared_transforms_may_spread(algorithm: Any) -> None:
    """What a tile or plane shares with a NaN may be one, only if its row says so; never finite."""
    x = np.ones((2, 1, 12, 12))
    x[0, 0, 5, 5] = NAN
    case = Case(Tensor.of(x), Tensor.of(np.ones((1, 1, 3, 3))))
    spread = only(case).reshape(2, 1, 10, 10)
    spread[0, 0, 2, 2] = NAN
    direct, fast = (
        judge_readings(spread, enclosures(case, "output", replace(FLOAT32, algorithm=each)))[1].ok
        for each in ("direct", algorithm)
    )
    assert (direct, fast) == (False, True)
    spread[1, 0, 2, 2] = NAN  # another image
    ball = enclosures(case, "output", replace(FLOAT32, algorithm=algorithm))
    assert not judge_readings(spread, ball)[1].ok
    lost = np.full(spread.shape, 9.0)
    assert not judge_readings(lost, ball)[1].ok


def test_drawn_calls_hold_what_they_say() -> None:
    """Every operand of every floating dtype gets such numbers; finite calls reach both ends."""
    found, _ = sample(specials(), 400)
    held = {
        (name, case.dtype in COMPLEX)
        for case in found
        for name, values in case.arrays.items()
        if not np.isfinite(values).all()
    }
    operands = ("input", "weight", "bias", "grad_output")
    assert held == {(name, complex_) for name in operands for complex_ in (True, False)}
    ends, _ = sample(at_the_ends(), 400)
    assert all(case.is_finite for case in ends)
    least = {dtype: DTYPES[dtype].format.smallest_normal for dtype in REAL}  # type: ignore[union-attr]
    for dtype in REAL:
        sizes = [abs(c.arrays["input"]) for c in ends if c.dtype == dtype]
        assert any(((size > 0) & (size < least[dtype])).any() for size in sizes)
        assert any(size.max(initial=0.0) > 1 / least[dtype] ** 0.4 for size in sizes)
    assert len(ENDS) == len(set(ENDS))


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("nan_inputs_skipped", row(1, NAN, 2, dtype="float16")),
        ("zero_weights_skipped_in_even_channels", row(NAN, 1, 1, weight=(0.0, 1.0))),
        ("infinity_loses_sign", row(1, -INF, 2, dtype="float64")),
    ],
)
def test_poison_is_replayed_and_scripted(
    name: str, case: Case, spares: Recycling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """case.json and script show the defect while it is there, and not in torch itself."""
    if name.startswith("zero"):  # two channels that read the one zero differently
        case = case.replace(weight=Tensor.of(np.repeat(case.arrays["weight"], 2, axis=0)))
    monkeypatch.setattr(finish_module, "REPEATS", 1)  # each costs a process
    target = f"tests.mutants.special:{name}"
    subject = subject_of(target, spares)
    with pytest.raises(PoisonViolation) as caught:
        subject.check(case)
    violation = finish(caught.value, subject, "p", tmp_path)
    subject.runner.close()
    path = Path(violation.record["case"])
    assert replay(path, spares)[0] == FAILED
    text = Path(violation.record["script"]).read_text()
    assert problems(text, tmp_path, target) != []
    assert problems(text, tmp_path, "torch.nn.functional:conv2d") == []
    path.write_text(path.read_text().replace(target, "F.conv2d"))
    assert replay(path, spares)[0] == FIXED


def test_other_pairs_are_told_by_their_kind() -> None:
    """The known defect of pairs explains its own kind alone: a lost NaN still fails."""
    defect: KnownDefect = next(each for each in STOCK if each.id == "onednn-pairs")
    case = Case.from_json(defect.case)
    assert defect.explains([case], PairViolation.kind)
    assert not defect.explains([case], PoisonViolation.kind)
    assert issubclass(PairViolation, Violation)


def test_pairs_explain_nan_before_the_special_one_alone() -> None:
    """In bfloat16 a NaN may be laid to the pixel behind a single channel; elsewhere it may not."""
    case = row(1, 2, 3, NAN, 5, weight=(1.0,), dtype="bfloat16")
    balls = list(enclosures(case, "output", FLOAT32).values())

    def explained(*values: float, dtype: str = "bfloat16") -> bool:
        observed = np.array(values)[None, None, None]
        return explains(observed, balls, case.replace(dtype=dtype), "output")

    assert explained(1, 2, NAN, NAN, 5)
    assert not explained(1, 2, NAN, NAN, 5, dtype="float32")
    assert not explained(1, NAN, 3, NAN, 5)
    assert not explained(1, 2, INF, NAN, 5)
    assert not explained(1, 2, 3, 4, 5)


def test_readings_differ_where_padding_is_seen() -> None:
    """Of the eight readings only those are kept that a result can tell apart."""
    assert len(READINGS) == 8
    case = row(1, 1, weight=(INF, 1.0), padding=(1, 1))
    assert len(enclosures(case, "output", FLOAT16)) == 4
