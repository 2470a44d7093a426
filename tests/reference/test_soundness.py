"""No kernel of a declared arithmetic leaves the enclosure, whatever it leaves open and the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
from reference import (
    BFLOAT16,
    BINARY16,
    BRAIN16,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    TF32,
    Arithmetic,
    Enclosure,
)
from tests.reference.problems import few
from tests.reference.rounding import DIRECT, TRUNCATING, Machine, Number, Term, simulate

Array = NDArray[np.float64]
ROWS = [FLOAT64, FLOAT32, TF32, FLOAT16, BFLOAT16]
OTHERS = [
    replace(FLOAT16, name="half accumulator", accumulator=BINARY16),
    replace(FLOAT16, name="taps", stores="taps"),
    replace(BFLOAT16, name="bias", stores="bias"),
    replace(BFLOAT16, name="any", stores="any"),
    replace(BFLOAT16, name="flushes", flushes=True),
    replace(FLOAT32, name="flushes", flushes=True),
    replace(FLOAT32, name="bfloat16 operands", operands=BRAIN16),
    replace(FLOAT32, name="half operands", operands=BINARY16, flushes=True),
    replace(FLOAT16, name="tensor core", truncates=True),
    replace(FLOAT16, name="tensor core, bias", truncates=True, stores="bias"),
]
# "small" and "large" lie halfway to the ends of the range: their products reach them.
ALIKE = ("normal", "cancelling", "positive", "wide", "adversarial", "equal", "small", "large")
MIXED = [("tiny", "normal"), ("normal", "tiny"), ("huge", "normal"), ("huge", "tiny")]
PAIRS = [*zip(ALIKE, ALIKE, strict=True), *MIXED, ("wide", "cancelling"), ("small", "wide")]


def draw(kind: str, size: int, random: np.random.Generator, arithmetic: Arithmetic) -> Array:
    """Return operands of one kind that are numbers of the arithmetic's output format."""
    each = arithmetic.output
    values: NDArray[Any] = random.standard_normal(size)
    if kind == "cancelling":
        values = np.where(random.random(size) < 0.5, 100.0, -100.0) + values
    if kind in ("positive", "equal"):
        values = np.abs(values) if kind == "positive" else np.full(size, values[0])
    if kind == "wide":
        values *= 2.0 ** random.integers(-each.precision, each.precision, size)
    if kind == "adversarial":  # one, and many just below half or all of its last place
        values = each.u * (1 + random.integers(0, 2, size)) * (1 - each.u)
        values[0] = 1.0
    if kind in ("tiny", "small"):
        exponent = each.min_exponent // (1 if kind == "tiny" else 2)
        values *= 2.0 ** (exponent + random.integers(-9, 3, size))
    if kind in ("huge", "large"):
        values *= 2.0 ** (each.max_exponent // (1 if kind == "huge" else 2) - 1)
    largest = each.largest
    return np.clip(each.round(np.clip(values, -largest, largest)), -largest, largest)


def dot(x: Array, w: Array, bias: float | None, arithmetic: Arithmetic) -> Enclosure:
    """Return the enclosure of one output of x and w (channels, taps) and a bias."""
    b = None if bias is None else np.array([bias])
    left, right = x[None, :, None], w[None, :, None]
    return reference.enclose_conv2d(left, right, b, arithmetic=arithmetic)


def kernels(
    parts: list[list[Term]], bias: Fraction | None, arithmetic: Arithmetic
) -> Iterator[tuple[str, Number]]:
    """Yield what kernels of this arithmetic compute, with what they leave open in both ways."""
    units = [arithmetic]
    if arithmetic.flushes:
        units.append(replace(arithmetic, flushes=False))
    if arithmetic.stores == "any":
        units.append(replace(arithmetic, accumulator=arithmetic.output, stores="none"))
    elif arithmetic.stores != "none":
        units.append(replace(arithmetic, stores="none"))
    orders = [*DIRECT, *TRUNCATING] if arithmetic.truncates else DIRECT
    for unit in units:
        for cuts in (False, True) if unit.operands else (False,):
            for order in orders:
                yield order.__name__, simulate(order, Machine(unit, cuts), parts, bias)


def assert_inside(enclosure: Enclosure, name: str, value: Number) -> None:
    """Require that a simulated result, which float64 holds, lies inside."""
    assert enclosure.contains(np.full(enclosure.mid.shape, float(value))).all(), (name, value)


@pytest.mark.parametrize("arithmetic", ROWS + OTHERS, ids=lambda a: f"{a.output.name} {a.name}")
def test_no_direct_kernel_is_outside(arithmetic: Arithmetic) -> None:
    """Whatever the order, blocks, fusing and conversions, results lie inside, infinities too."""

    @few
    @given(
        st.sampled_from(PAIRS), st.integers(1, 4), st.integers(1, 4), st.booleans(),
        st.integers(0, 2**16),
    )  # fmt: skip
    def check(pair: tuple[str, str], channels: int, taps: int, biased: bool, seed: int) -> None:
        random = np.random.default_rng(seed)
        x, w = (
            draw(kind, channels * taps, random, arithmetic).reshape(channels, taps) for kind in pair
        )
        bias = float(draw(pair[0], 1, random, arithmetic)[0]) if biased else None
        enclosure = dot(x, w, bias, arithmetic)
        parts = [
            [(Fraction(x[c, t]), Fraction(w[c, t])) for c in range(channels)] for t in range(taps)
        ]
        for name, value in kernels(parts, None if bias is None else Fraction(bias), arithmetic):
            assert_inside(enclosure, name, value)

    check()
