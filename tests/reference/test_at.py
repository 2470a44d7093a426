"""Enclosures of single elements are those of the whole, from any source of elements."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import reference
from reference import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, INT8, Arithmetic, Enclosure
from reference.at import enclose_conv2d_at, enclose_conv2d_input_at, enclose_conv2d_weight_at
from tests.reference.problems import Problem, many, problems, refused

ROWS: list[Arithmetic] = [
    FLOAT64,
    FLOAT32,
    replace(FLOAT32, operands=reference.TENSOR32, truncates=True),
    replace(FLOAT16, stores="bias"),
    replace(BFLOAT16, flushes=True),
    replace(FLOAT16, stores="images"),
]
INTEGERS = ("integers",)


def both(problem: Problem, arithmetic: Arithmetic) -> list[tuple[Enclosure, Enclosure]]:
    """Return the whole, flattened, and the same from single elements, of every result there is."""
    x, w, b, gy, rest = problem.x, problem.w, problem.b, problem.gy, dict(problem.arguments)
    row: dict[str, Any] = {"arithmetic": arithmetic}
    pairs = []
    whole = reference.enclose_conv2d(x, w, b, **rest, **row)
    pairs.append((whole, enclose_conv2d_at(every(whole), x, w, b, **rest, **row)))
    whole = reference.enclose_conv2d_weight(x, w.shape, gy, **rest, **row)
    at = enclose_conv2d_weight_at(every(whole), x, w.shape, gy, **rest, **row)
    pairs.append((whole, at))
    if rest.pop("padding_mode") == "zeros":
        whole = reference.enclose_conv2d_input(x.shape, w, gy, **rest, **row)
        at = enclose_conv2d_input_at(every(whole), x.shape, w, gy, **rest, **row)
        pairs.append((whole, at))
    return [(whole[tuple(every(whole).T)], at) for whole, at in pairs]


def every(whole: Enclosure) -> Any:
    """Return the index of every element."""
    return np.array(list(np.ndindex(whole.mid.shape))).reshape(-1, whole.mid.ndim)


@pytest.mark.parametrize("arithmetic", ROWS, ids=str)
@many
@given(problem=problems(values=INTEGERS))
def test_of_integers_every_bit_is_that_of_the_whole(
    arithmetic: Arithmetic, problem: Problem
) -> None:
    """Midpoint, radius, and what may overflow: in each padding, stride, dilation, grouping."""
    if 0 in problem.output_shape:
        with refused(f"`places` of shape {(0, len(problem.output_shape))} is not (P, 4), P > 0"):
            both(problem, arithmetic)
        return
    for whole, at in both(problem, arithmetic):
        assert np.array_equal(whole.mid, at.mid)
        assert np.array_equal(whole.rad, at.rad)
        assert np.array_equal(whole.allows_infinity, at.allows_infinity)


@many
@given(problem=problems(values=("normal", "cancelling", "sparse")))
def test_exact_midpoints_are_those_of_the_whole(problem: Problem) -> None:
    """In float64 the midpoint is the exact sum, rounded once, wherever its products come from.

    The radius is larger than the whole's by its own rounding at most; it is zero where these
    products are exact by themselves.
    """
    if 0 in problem.output_shape:
        return
    for whole, at in both(problem, FLOAT64):
        exact = at.rad == 0.0
        assert np.array_equal(whole.mid[~exact], at.mid[~exact])
        assert (np.abs(whole.mid - at.mid) <= whole.rad).all()
        slack = reference.gamma(4 * problem.gy.size + 4 * problem.w.size, 2.0**-53)
        assert (at.rad <= whole.rad * (1 + slack)).all()
        assert (at.rad[~exact] >= whole.rad[~exact] * (1 - slack)).all()


class Products:
    """A tensor that never exists: its element is the product of its indices plus one."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __getitem__(self, index: Any) -> Any:
        total: Any = 1.0
        for axis in index:
            total = total * (axis % 3 + 1.0)
        return total


def test_extents_beyond_any_memory() -> None:
    """An image of 2^80 pixels costs as much as its chosen elements."""
    x, w = Products((1, 1, 2**40, 2**40)), Products((1, 1, 3, 3))
    last = 2**40 - 3
    places = [(0, 0, 0, 0), (0, 0, 2**31, 2**32), (0, 0, last, last)]
    found = enclose_conv2d_at(places, x, w, arithmetic=FLOAT32)
    for place, mid in zip(places, found.mid, strict=True):
        window: Any = np.ix_(*[np.arange(1)] * 2, *(np.arange(i, i + 3) for i in place[2:]))
        image = np.broadcast_to(x[window], (1, 1, 3, 3))
        kernel = np.broadcast_to(w[np.ix_(*[np.arange(n) for n in w.shape])], (1, 1, 3, 3))
        assert mid == np.sum(image * kernel)
    assert not found.rad.any()
    gradient = enclose_conv2d_input_at(
        places, x.shape, w, Products((1, 1, last + 1, last + 1)), arithmetic=FLOAT32
    )
    assert gradient.mid.shape == (3,)


def test_integers_and_complex_numbers() -> None:
    """Elements may be of any kind that the whole may be of."""
    x, w = np.arange(50).reshape(1, 2, 5, 5), np.arange(18).reshape(1, 2, 3, 3)
    whole = reference.enclose_conv2d(x, w, arithmetic=INT8)
    at = enclose_conv2d_at(every(whole), x, w, arithmetic=INT8)
    assert np.array_equal(whole.mid.ravel(), at.mid)
    whole = reference.enclose_conv2d_input(
        x.shape, w * 1j, np.ones((1, 1, 3, 3)) + 2j, arithmetic=FLOAT32
    )
    at = enclose_conv2d_input_at(
        every(whole), x.shape, w * 1j, np.ones((1, 1, 3, 3)) + 2j, arithmetic=FLOAT32
    )
    assert np.array_equal(whole.mid.ravel(), at.mid)


def test_places_outside_are_refused() -> None:
    """Indices beyond an extent, negative ones, and rows of the wrong length are errors."""
    x, w = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
    for place in ((0, 0, 0, 2), (0, 0, -1, 0)):
        with refused("`places` has an index outside of (1, 1, 2, 2)"):
            enclose_conv2d_at([place], x, w, arithmetic=FLOAT32)
    with refused("`places` of shape (1, 3) is not (P, 4), P > 0"):
        enclose_conv2d_at([(0, 0, 0)], x, w, arithmetic=FLOAT32)
    with refused("`bias` of shape (2,) is not (1,)"):
        enclose_conv2d_at([(0, 0, 0, 0)], x, w, np.ones(2), arithmetic=FLOAT32)
