"""When an infinity is required, allowed or forbidden, and a NaN legitimate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import reference
from reference import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Enclosure
from tests.reference.test_sharpness import one

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_half_outputs_overflow_where_the_rounding_does(sign: float) -> None:
    """65504 + 15 is stored as 65504, + 16 as infinity; each forbids the other."""
    below = one([sign * 65504.0, sign * 15.0], [1.0, 1.0], FLOAT16)
    assert below.contains(sign * 65504.0)
    assert not below.contains(sign * INF)
    assert not below.allows_infinity
    above = one([sign * 65504.0, sign * 16.0], [1.0, 1.0], FLOAT16)
    assert above.contains(sign * INF)
    assert above.requires_infinity
    for value in (-sign * INF, sign * 65504.0, NAN):
        assert not above.contains(value)


def test_near_the_threshold_both_are_allowed() -> None:
    """A sum whose error straddles 65520 may be stored as 65504 or infinity, with its sign only."""
    ball = one([65504.0, 15.992188, 1 / 3], [1.0, 1.0, 2.0**-6], FLOAT16)
    assert ball.rad > 0
    assert [bool(ball.contains(v)) for v in (65504.0, INF, -INF, NAN)] == [True, True, False, False]
    assert ball.allows_infinity
    assert not ball.requires_infinity


def test_accumulators_of_float32_do_not_overflow_for_half_operands() -> None:
    """65504 + 65504 - 65504 is 65504 with one store, and may be anything with early stores."""
    x, w = [65504.0] * 3, [1.0, 1.0, -1.0]
    for value in (INF, NAN):
        assert not one(x, w, FLOAT16).contains(value)
        assert one(x, w, replace(FLOAT16, stores="any")).contains(value)
    assert one(x, w, FLOAT16).contains(65504.0)
    assert not one(x, w, replace(FLOAT16, stores="any")).contains(0.0)


@pytest.mark.parametrize("arithmetic", [FLOAT32, FLOAT64, BFLOAT16], ids=lambda a: a.name)
def test_partial_sums_that_may_overflow_allow_infinities_and_nan(
    arithmetic: reference.Arithmetic,
) -> None:
    """Where the magnitudes reach the threshold any infinity or NaN may come, or what is inside."""
    x = [arithmetic.output.largest] * 4
    ball = one(x, [1.0, 1.0, -1.0, -1.0], arithmetic)
    for value in (INF, -INF, NAN):
        assert ball.contains(value)
    if arithmetic is not FLOAT64:  # whose own magnitudes overflow: nothing is claimed
        assert ball.contains(0.0)
        assert not ball.contains(x[0])
    half = one(x[:2], [0.25, -0.25], arithmetic)
    for value in (INF, -INF, NAN):
        assert not half.contains(value)


def test_a_sum_that_overflows_one_way_is_that_infinity() -> None:
    """Where terms of the other sign cannot overflow, neither NaN nor their infinity is right."""
    large = FLOAT32.output.largest
    for sign in (1.0, -1.0):
        for x in ([large, large], [large, large, -large / 2], [large, 1.0, large]):
            ball = one([sign * value for value in x], [1.0] * len(x), FLOAT32)
            assert ball.contains(sign * INF)
            assert not ball.contains(-sign * INF)
            assert not ball.contains(NAN)


@pytest.mark.parametrize("few", [0.0, 0.2, 0.5])
def test_every_order_of_summation_lies_inside(few: float) -> None:
    """Sums near the threshold, added up one by one in any order, or in pairs, are all allowed.

    `few` is the share of terms of the other sign.
    """
    random = np.random.default_rng(int(10 * few))
    for _ in range(100):
        size = int(random.integers(2, 9))
        terms = (
            random.uniform(0.0, 2.0, size) * FLOAT32.output.largest / random.integers(1, size + 1)
        )
        terms = np.minimum(terms, FLOAT32.output.largest) * np.where(
            random.random(size) < few, -1, 1
        )
        terms = FLOAT32.output.round(terms)
        ball = one(list(terms), [1.0] * size, FLOAT32)
        for _ in range(20):
            with np.errstate(all="ignore"):
                order = random.permutation(terms).astype(np.float32)
                chain = np.add.accumulate(order, dtype=np.float32)[-1]
                pairs = np.add.reduce(order[::2]) + np.add.reduce(order[1::2])
            assert ball.contains(float(chain))
            assert ball.contains(float(pairs))


def test_balls_without_a_format_hold_no_infinity() -> None:
    """A plain Enclosure(mid, rad) allows an infinity only at an infinite midpoint or radius."""
    ball = Enclosure(np.array([1e308, INF, 0.0, NAN]), np.array([1e308, 0.0, INF, INF]))
    assert ball.contains([INF, INF, INF, INF]).tolist() == [False, True, True, False]
    assert not ball.allows_infinity.any()
    assert ball.contains([NAN] * 4).tolist() == [False] * 4
    assert Enclosure(np.zeros(2), np.zeros(2)).contains([0.0, -0.0]).all()


def test_midpoints_that_are_no_numbers_hold_themselves_at_radius_0() -> None:
    """A ball of radius 0 round an infinity or NaN holds that alone."""
    values = [INF, -INF, NAN, 0.0]
    ball = Enclosure(np.array(values[:3]), np.zeros(3))
    inside = np.array([ball.contains([value] * 3) for value in values])
    assert np.array_equal(inside, np.eye(4, 3, dtype=bool))


def test_non_finite_operands_make_non_finite_outputs_legitimate() -> None:
    """An infinite pixel allows infinities and NaN where it is seen, and no finite value there."""
    x = np.ones((1, 1, 1, 4))
    x[..., 0] = INF
    ball = reference.enclose_conv2d(x, np.ones((1, 1, 1, 2)), arithmetic=FLOAT32)
    assert ball.contains(np.array([[[[INF, 2, 2]]]])).all()
    assert ball.contains(np.array([[[[NAN, 2, 2]]]])).all()
    assert ball.contains(np.array([[[[INF, INF, NAN]]]]))[0, 0, 0].tolist() == [True, False, False]


def test_a_part_of_a_complex_number_overflows_alone() -> None:
    """The rules hold for each part."""
    mid, rad = np.array([70000.0 + 1j]), np.array([1.0])
    ball = Enclosure(mid, rad, overflow=65520.0)
    for value, inside in ((INF + 1j, True), (complex(INF, INF), False), (65504.0 + 1j, False)):
        assert bool(ball.contains(np.array([value]))[0]) == inside
    assert ball.requires_infinity.all()


def test_an_index_keeps_everything() -> None:
    """Picking elements picks their radii and their rules."""
    x = np.array([[1.0, 2.0], [3e38, 3e38]]).reshape(2, 1, 1, 2)
    for weight, allowed in (([1.2, -1.2], NAN), ([1.2, 1.2], INF)):
        w = np.array(weight).reshape(1, 1, 1, 2)
        ball = reference.enclose_conv2d(x, w, arithmetic=FLOAT32)
        assert ball.probable is not None
        assert ball.may_overflow.ravel().tolist() == [False, True]
        last = ball[1]
        assert last.contains(np.full((1, 1, 1), allowed)).all()
    assert (last.overflow, last.mid.shape) == (ball.overflow, (1, 1, 1))
    with pytest.raises(ValueError, match=r"^`wild` of shape \(1,\) is not \(2,\), as `mid`$"):
        Enclosure(np.zeros(2), np.zeros(2), wild=np.zeros(1, np.bool_))
