"""Ball arithmetic and rewritten operands: every radius holds the exact result, in rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import reference
from properties.case import Case, Tensor
from properties.relations import (
    add,
    concatenate,
    exactly,
    inner,
    insert_zeros,
    split,
    take,
    true_convolution,
)
from properties.values import Float64, Recipe
from reference import Conv2dParams, Enclosure
from tests.recipes import SOME

SHAPE = (3, 5, 7)


def numbers(seed: int, size: int = 200) -> Float64:
    """Return numbers of many magnitudes and both signs, some zero."""
    values = Recipe("normal", seed).expand((size,))
    exponents = np.rint(20 * Recipe("normal", seed + 100).expand((size,))).astype(int)
    scaled: Float64 = np.ldexp(np.where(np.arange(size) % 9 == 0, 0.0, values), exponents)
    return scaled


def rationals(values: Float64) -> list[Fraction]:
    """Return the values as exact fractions."""
    return [Fraction(value) for value in values.ravel().tolist()]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [kind for kind in SOME if kind != "words"])
def test_split_is_exact(kind: str, dtype: Any) -> None:
    """The parts add up to the value, exactly, and both are numbers of the dtype."""
    for exponent in (-20, 0, 20):
        values = Recipe(kind, 3, exponent).expand((500,)).astype(dtype).astype(np.float64)
        first, second = split(values)
        parts = zip(rationals(first), rationals(second), strict=True)
        assert [a + b for a, b in parts] == rationals(values)
        for part in (first, second):
            assert np.array_equal(part.astype(dtype).astype(np.float64), part)


@pytest.mark.parametrize("kind", ["integers", "normal", "wide13", "wide27", "cancelling", "signs"])
def test_split_has_no_common_zeros(kind: str) -> None:
    """Neither part of a nonzero value is zero: a kernel that drops one of them is seen."""
    first, second = split(Recipe(kind, 4).expand((500,)))
    assert np.all(first != 0)
    assert np.all(second != 0)


def test_split_of_special_values() -> None:
    """Zeros split into zeros; the smallest and the largest normal float32 split in float32."""
    extreme = np.array([0.0, -0.0, 2.0**-126, -(2.0**-126) - 2.0**-149, 2.0**128 - 2.0**104])
    first, second = split(extreme)
    assert np.array_equal(first + second, extreme)
    assert not np.any(first[:2])
    for part in (first, second):
        assert np.array_equal(part.astype(np.float32).astype(np.float64), part)


def test_add_covers_its_rounding() -> None:
    """The ball of a sum holds the exact sum of the midpoints, widened by both radii."""
    left = Enclosure(numbers(1), np.abs(numbers(2)) * 2.0**-30)
    right = Enclosure(numbers(3), np.abs(numbers(4)) * 2.0**-30)
    total = add(left, right)
    columns = (left.mid, left.rad, right.mid, right.rad, total.mid, total.rad)
    slack = 1 + Fraction(2) ** -50
    for a, ra, b, rb, mid, rad in zip(*map(rationals, columns), strict=True):
        assert abs(a + b - mid) + ra + rb <= rad * slack


def test_add_is_exact_on_integers() -> None:
    """Where nothing is rounded, the radius of a sum of exact balls is 0."""
    values = Recipe("wide27").expand((100,))
    assert not np.any(add(exactly(values), exactly(values + 1.0)).rad)
    assert np.any(add(exactly(np.array([1.0])), exactly(np.array([2.0**-60]))).rad)


@pytest.mark.parametrize("size", [1, 2, 17, 500])
def test_inner_is_sound(size: int) -> None:
    """The ball holds sum v * y for the midpoints and for the worst points of the given ball."""
    values = numbers(5, size)
    ball = Enclosure(numbers(6, size), np.abs(numbers(7, size)) * 2.0**-20)
    found = inner(values, ball)
    assert found.mid.shape == found.rad.shape == (1,)
    v, mid, rad = rationals(values), rationals(ball.mid), rationals(ball.rad)
    center, low = Fraction(float(found.mid[0])), Fraction(float(found.rad[0]))
    for sign in (-1, 0, 1):
        worst = [m + sign * (1 if a >= 0 else -1) * r for a, m, r in zip(v, mid, rad, strict=True)]
        exact = sum((a * y for a, y in zip(v, worst, strict=True)), Fraction(0))
        assert abs(exact - center) <= low


def test_inner_is_not_wider_than_needed() -> None:
    """The rounding part is at most (n + 2) ulps of sum |v y|: the relation stays sharp."""
    values = numbers(8)
    found = inner(values, exactly(numbers(9)))
    magnitude = np.sum(np.abs(values * numbers(9)))
    assert found.rad[0] <= (values.size + 2) * 2.0**-52 * magnitude


def test_take_and_concatenate_undo_each_other() -> None:
    """Balls are cut and joined like arrays, midpoints and radii alike."""
    ball = Enclosure(numbers(1, 105).reshape(SHAPE), np.abs(numbers(2, 105)).reshape(SHAPE))
    joined = concatenate([take(ball, (..., slice(0, 2))), take(ball, (..., slice(2, None)))], -1)
    assert np.array_equal(joined.mid, ball.mid)
    assert np.array_equal(joined.rad, ball.rad)
    assert take(ball, (0, slice(None, None, 2))).mid.shape == (3, 7)


@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (1, 3), (3, 2)])
def test_insert_zeros_spreads_the_taps(dilation: tuple[int, int]) -> None:
    """Tap (p, q) moves to (p * dh, q * dw); everything between is zero."""
    weight = Recipe("integers", 1).expand((2, 3, 2, 4))
    spread = insert_zeros(weight, dilation)
    dh, dw = dilation
    assert spread.shape == (2, 3, dh + 1, 3 * dw + 1)
    for p, q in np.ndindex(2, 4):
        assert np.array_equal(spread[..., p * dh, q * dw], weight[..., p, q])
    assert np.count_nonzero(spread) == np.count_nonzero(weight)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"stride": (2, 3)},
        {"padding": (2, 1)},
        {"padding": "same", "dilation": (2, 1)},
        {"dilation": (1, 3), "padding": 3},
        {"groups": 2, "stride": 2, "padding": 1},
        {"padding": (9, 11), "stride": (1, 4)},
    ],
)
@pytest.mark.parametrize("batch", [(2,), ()])
def test_true_convolution_is_the_oracle_with_a_flipped_kernel(
    params: dict[str, Any], batch: tuple[int, ...]
) -> None:
    """On integers the sum by landing places equals conv2d of the flipped kernel, bit for bit."""
    p = Conv2dParams(**params)
    case = Case(
        Tensor((*batch, 4, 8, 9), Recipe("integers", 1)),
        Tensor((6, 4 // p.groups, 2, 3), Recipe("integers", 2)),
        Tensor((6,), Recipe("integers", 3)),
        p,
    )
    x, w, b = (case.arrays[name] for name in ("input", "weight", "bias"))
    for oracle in (reference.conv2d_flipped, reference.conv2d_loops):
        kernel = w if oracle is reference.conv2d_flipped else w[..., ::-1, ::-1]
        expected = oracle(x, kernel, b, p.stride, p.padding, p.dilation, p.groups)
        found = true_convolution(case)
        np.testing.assert_array_equal(found.mid, expected, strict=True)
        assert (np.abs(found.mid - expected) <= found.rad).all()
