"""`judge`: what lies inside, how much of the radius was used, and the words of a violation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from properties.case import Case, Tensor
from properties.judge import Verdict, judge
from properties.values import Float64, Recipe
from properties.violations import RelationViolation, ValueViolation
from reference import Enclosure

CASE = Case(Tensor((1, 1, 2, 2), Recipe("ones")), Tensor((1, 1, 1, 1), Recipe("ones")))
SUMMARY = "  case            float32, input 1x1x2x2, weight 1x1x1x1"
ORACLE = "  oracle          reference, radius = gamma(n) * sum |x||w|, n nonzero terms"


def ball(mid: list[float], rad: list[float]) -> Enclosure:
    """Return the enclosure with these midpoints and radii."""
    return Enclosure(np.array(mid), np.array(rad))


def verdict(observed: list[float], mid: list[float], rad: list[float]) -> Verdict:
    """Judge a few numbers."""
    return judge(np.array(observed), ball(mid, rad))


def test_used_is_the_largest_share_of_a_radius() -> None:
    """`used` is max |y - mid| / rad, `index` where; values are those of that element."""
    found = verdict([1.0, 2.5, 3.1], [1.0, 2.0, 3.0], [1.0, 1.0, 0.125])
    assert found.index == (2,)
    assert found.used == (3.1 - 3.0) / 0.125
    assert (found.observed, found.mid, found.rad) == (3.1, 3.0, 0.125)
    assert (found.outside, found.size, found.ok) == (0, 3, True)


def test_exactly_the_radius_is_inside() -> None:
    """|y - mid| = rad is ok with used 1; the next number beyond is outside."""
    assert verdict([2.5], [2.0], [0.5]).ok
    assert verdict([2.5], [2.0], [0.5]).used == 1.0
    beyond = verdict([math.nextafter(2.5, 3)], [2.0], [0.5])
    assert not beyond.ok
    assert beyond.used > 1.0


def test_radius_zero_is_equality() -> None:
    """At radius 0 an equal value uses nothing, any other infinitely much; zeros are equal."""
    assert verdict([3.0, -0.0], [3.0, 0.0], [0.0, 0.0]).used == 0.0
    other = verdict([3.0, math.nextafter(4.0, 5)], [3.0, 4.0], [0.0, 0.0])
    assert (other.used, other.index, other.outside) == (math.inf, (1,), 1)


def test_a_nan_is_never_inside() -> None:
    """NaN lies outside of every ball, the infinite one included."""
    for mid, rad in ((0.0, 0.0), (0.0, 1.0), (0.0, math.inf), (math.inf, math.inf)):
        found = verdict([math.nan], [mid], [rad])
        assert (found.ok, found.outside, found.used) == (False, 1, math.inf)
        assert math.isnan(found.observed.real)


def test_infinities() -> None:
    """An infinite value is outside of every finite ball; an infinite radius takes any number."""
    assert not verdict([math.inf], [1.0], [1e300]).ok
    assert not verdict([-math.inf], [1.0], [0.0]).ok
    assert verdict([1e308], [0.0], [math.inf]).ok
    for observed in (1e308, math.inf):
        assert verdict([observed], [0.0], [math.inf]).used == 0.0


@pytest.mark.parametrize("rad", [0.0, 1.0, math.inf])
def test_an_infinite_midpoint_holds_itself(rad: float) -> None:
    """Where the true value overflows, the same infinity is inside, as in Enclosure.contains."""
    for observed, mid in ((math.inf, math.inf), (-math.inf, -math.inf)):
        found = verdict([observed], [mid], [rad])
        assert bool(ball([mid], [rad]).contains(np.array([observed]))[0])
        assert (found.ok, found.used) == (True, 0.0)


def test_ok_is_what_contains_says() -> None:
    """The verdict and `Enclosure.contains` agree, element by element, on every pair of specials."""
    specials = [0.0, -0.0, 1.0, -1.0, 1e-320, 1.5, math.inf, -math.inf, math.nan]
    for y, mid, rad in itertools.product(specials, (0.0, 1.0, math.inf), (0.0, 0.5, math.inf)):
        inside = bool(ball([mid], [rad]).contains(np.array([y]))[0])
        found = verdict([y], [mid], [rad])
        assert found.ok == inside == (found.used <= 1.0), (y, mid, rad)


def test_the_worst_of_several_infinite_shares_is_the_largest_error() -> None:
    """Where several elements miss exact values, the one that is furthest off is shown."""
    found = verdict([1.0, 2.5, 9.0, 4.5], [1.0, 2.0, 3.0, 4.0], [0.0] * 4)
    assert (found.index, found.outside, found.size) == ((2,), 3, 4)


def test_an_empty_array_is_inside() -> None:
    """No element, no violation: used 0, outside 0 of 0."""
    empty = np.zeros((0, 2))
    assert judge(empty, Enclosure(empty, empty)) == Verdict(0.0, (), 0.0, 0.0, 0.0, 0, 0)


def test_index_is_per_axis() -> None:
    """`index` names the element by axis, not by position in memory."""
    observed: Float64 = np.zeros((2, 3, 4))
    observed[1, 2, 3] = 1.0
    found = judge(observed, Enclosure(np.zeros((2, 3, 4)), np.full((2, 3, 4), 0.25)))
    assert (found.index, found.used) == ((1, 2, 3), 4.0)


def test_other_shapes_are_refused() -> None:
    """An array of another shape is an error of the caller, even if it could be broadcast."""
    with pytest.raises(
        ValueError, match=r"^`observed` has shape \(1,\), the enclosure has \(2,\)$"
    ):
        verdict([1.0], [1.0, 1.0], [0.0, 0.0])


def test_require_is_silent_when_ok() -> None:
    """Nothing is raised for what lies inside."""
    good = verdict([1.0], [1.0], [0.0])
    good.require(CASE)
    good.require_relation(CASE, "left is not right")


def test_words_of_a_value_violation() -> None:
    """The first line stands alone: place, value, interval, share of the radius."""
    found = verdict([3.0, 5.0], [3.0, 4.0], [0.25, 0.25])
    with pytest.raises(ValueViolation) as caught:
        found.require(CASE)
    assert str(caught.value).splitlines() == [
        "ValueViolation: y[1] = 5.0 lies outside [3.75, 4.25] (4 x the allowed radius 0.25)",
        "  outside         1 of 2 elements",
        SUMMARY,
        ORACLE,
    ]
    assert caught.value.check == {"kind": "call"}


def test_words_at_radius_zero() -> None:
    """Where the value is exact, the message says so; several elements: the worst is shown."""
    found = verdict([3.0, 5.0], [3.5, 4.0], [0.0, 0.0])
    with pytest.raises(ValueViolation) as caught:
        found.require(CASE, "weight")
    assert str(caught.value).splitlines() == [
        "ValueViolation: grad_weight[1] = 5.0 is not 4.0, the exact value",
        "  outside         2 of 2 elements; the worst is shown",
        SUMMARY,
        ORACLE,
    ]


@pytest.mark.parametrize(
    ("rad", "allowed"), [(0.0, "both are exact"), (0.25, "the sum of their radii is 0.25")]
)
def test_words_of_a_relation_violation(rad: float, allowed: str) -> None:
    """A broken relation names itself, both values, the place and what was allowed."""
    found = verdict([3.0, 5.0], [3.0, 4.0], [rad, rad])
    check = {"kind": "relation", "name": "x"}
    with pytest.raises(RelationViolation) as caught:
        found.require_relation(CASE, "left is not right", check)
    assert str(caught.value).splitlines() == [
        f"RelationViolation: left is not right: 5.0 against 4.0 at [1]; {allowed}",
        "  outside         1 of 2 elements",
        SUMMARY,
    ]
    assert caught.value.check == check


def test_an_error_of_more_radii_than_there_are_numbers_is_infinitely_far() -> None:
    """Whatever the error and the radius, the share is a number or infinity, without a warning."""
    verdict = judge(np.array([1e300]), Enclosure(np.zeros(1), np.array([1e-300])))
    assert not verdict.ok
    assert verdict.used == np.inf
