"""The radii are not larger than kernels can use: they are met, and faults beyond them are seen."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
from reference import (
    BFLOAT16,
    BINARY16,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    TENSOR32,
    TF32,
    Arithmetic,
    Enclosure,
    gamma,
)
from reference.arithmetic import Stores
from tests.reference.rounding import (
    Fault,
    Machine,
    Term,
    cut_the_output,
    drop_the_largest,
    sequential,
    simulate,
    tensor_core,
)

Array = NDArray[np.float64]
ROWS = [FLOAT64, FLOAT32, TF32, FLOAT16, BFLOAT16]


def one(x: list[float], w: list[float], arithmetic: Arithmetic, bias: Any = None) -> Enclosure:
    """Return the enclosure of one dot product."""
    b = None if bias is None else [bias]
    return reference.enclose_conv2d([[x]], [[[w]]], b, arithmetic=arithmetic)[0, 0, 0]


def terms(x: list[float], w: list[float]) -> list[list[Term]]:
    """Return the products as one part."""
    return [[(Fraction(a), Fraction(b)) for a, b in zip(x, w, strict=True)]]


def odd(each: Arithmetic, count: int) -> list[float]:
    """Return numbers of the output's format that use all its bits."""
    random = np.random.default_rng(1)
    steps = random.integers(2 ** (each.output.precision - 1), 2**each.output.precision, count) | 1
    return [float(value) * 2.0 ** (1 - each.output.precision) for value in steps]


@pytest.mark.parametrize("arithmetic", [FLOAT32, FLOAT16, BFLOAT16], ids=lambda a: a.name)
def test_one_product_attains_its_radius(arithmetic: Arithmetic) -> None:
    """The worst of many products, each with a tiny one that keeps it inexact, uses over 0.9."""
    used, small = [], 2.0**-9
    for a, b in zip(odd(arithmetic, 300), odd(arithmetic, 300), strict=True):
        x, w = [a, small * a] if arithmetic.rounds_output else [a], [b, small * b]
        ball = one(x, w[: len(x)], arithmetic)
        value = simulate(sequential, Machine(arithmetic), terms(x, w[: len(x)]))
        used.append(abs(float(value) - float(ball.mid)) / float(ball.rad))
    assert 0.9 < max(used) <= 1


@pytest.mark.parametrize("arithmetic", [FLOAT16, BFLOAT16], ids=lambda a: a.name)
def test_one_rounding_is_half_a_spacing(arithmetic: Arithmetic) -> None:
    """With an accumulator of float32, radii of short sums are half a spacing, and little more."""
    x, w = odd(arithmetic, 3), odd(arithmetic, 3)
    ball = one([x[0], x[1], x[2] * 2.0**-12], [w[0], w[1], w[2] * 2.0**-6], arithmetic)
    half = float(arithmetic.output.spacing(np.abs(ball.mid))) / 2
    assert half <= float(ball.rad) <= half * (1 + 2.0**-9)


def test_tf32_radius_is_that_of_two_cut_operands() -> None:
    """One TF32 product may lose 2^-10 on either side; one of TF32 numbers is exact."""
    x, w = 1 + 2.0**-10 - 2.0**-23, 1 + 2.0**-9 - 2.0**-23
    ball, machine = one([x], [w], TF32), Machine(TF32, cuts_operands=True)
    lost = float(ball.mid) - float(simulate(tensor_core(4), machine, terms([x], [w])))
    assert 0.9 * float(ball.rad) < lost <= float(ball.rad)
    assert one([1.5, 3.0], [1 + 2.0**-10, 1.0], TF32).rad == 0


def test_truncation_costs_four_times_the_additions() -> None:
    """An adversarial sum exceeds gamma_n S, and stays below gamma_4(n-1) S."""
    n = 64
    x = [1.0] + [2.0**-23 * (1 - 2.0**-11)] * (n - 1)
    arithmetic = replace(TF32, operands=None)
    lost = sum(map(Fraction, x)) - Fraction(
        simulate(tensor_core(4), Machine(arithmetic), terms(x, [1.0] * n))
    )
    assert float(lost) > 1.9 * float(gamma(n - 1, FLOAT32.u)) * sum(x)
    factors = 4 * (n - 1) + 2  # no operand format: float32 products are rounded, too
    ball = one(x, [1.0] * n, arithmetic)
    assert float(lost) <= float(ball.rad) <= float(gamma(factors, FLOAT32.u)) * sum(x) * 1.001


@pytest.mark.parametrize("arithmetic", ROWS, ids=lambda a: a.name)
@pytest.mark.parametrize("fault", [drop_the_largest, cut_the_output])
def test_faults_are_outside(arithmetic: Arithmetic, fault: Fault) -> None:
    """Of integers, whose sums are exact, a dropped product and a cut result are seen."""
    random, caught = np.random.default_rng(2), 0
    factors = arithmetic.operands or arithmetic.output
    bits = min(factors.precision, arithmetic.accumulator.precision - 3)
    for _ in range(20):
        x = (random.integers(2 ** (bits - 1), 2**bits, 7) | 1).astype(float).tolist()
        value = simulate(sequential, Machine(arithmetic), terms(x, [1.0] * 7), fault=fault)
        ball = one(x, [1.0] * 7, arithmetic)
        assert ball.rad == 0
        caught += not ball.contains(float(value))
    if fault is drop_the_largest:
        assert caught == 20
    else:  # results that have to be rounded are cut wrongly in half of all cases
        assert (caught > 4) == arithmetic.rounds_output


def test_half_accumulators_claim_nothing_for_long_sums() -> None:
    """At n u >= 1 in float16 no bound is possible, and none is given; float32 has one."""
    x, w = np.full((1, 1, 2048), 0.1), np.full((1, 1, 1, 2048), 0.1)
    half = replace(FLOAT16, accumulator=BINARY16)
    assert reference.enclose_conv2d(x, w, arithmetic=half).rad[0, 0, 0] == np.inf
    assert reference.enclose_conv2d(x[..., :99], w[..., :99], arithmetic=half).rad[0, 0, 0] < 0.1
    assert reference.enclose_conv2d(x, w, arithmetic=FLOAT16).rad[0, 0, 0] < 0.1


def test_stores_widen_the_radius_by_one_rounding_each() -> None:
    """K early stores add k u S: one for a bias, one per further tap or image, one per addition."""
    random = np.random.default_rng(4)
    x, w = random.standard_normal((2, 2, 1, 3)), random.standard_normal((1, 2, 1, 3))
    x, w = BINARY16.round(x), BINARY16.round(w)
    size = reference.conv2d(np.abs(x), np.abs(w), [2.0])
    base = reference.enclose_conv2d(x, w, [2.0], arithmetic=FLOAT16)
    forward: list[tuple[Stores, int]] = [("bias", 1), ("taps", 3), ("images", 1), ("any", 6)]
    for stores, k in forward:
        declared = replace(FLOAT16, stores=stores)
        ball = reference.enclose_conv2d(x, w, [2.0], arithmetic=declared)
        more = (ball.rad - base.rad) / (BINARY16.u * size)
        assert np.all((k <= more) & (more < k + 0.3)), stores
    gy = BINARY16.round(random.standard_normal((2, 1, 1, 1)))
    backward: list[tuple[Stores, int]] = [("none", 0), ("taps", 0), ("images", 1), ("any", 1)]
    for stores, k in backward:
        declared = replace(FLOAT16, stores=stores)
        ball = reference.enclose_conv2d_weight(x, w.shape, gy, arithmetic=declared)
        size = reference.conv2d_weight(np.abs(x), w.shape, np.abs(gy))
        half = BINARY16.spacing(np.abs(ball.mid) + ball.rad) / 2
        assert np.all(ball.rad <= half + (k + 0.1) * BINARY16.u * size), stores
        assert np.all(ball.rad >= k * BINARY16.u * size), stores


def test_copies_of_a_padded_pixel_are_stored_before_they_are_added() -> None:
    """Gradients of circular padding add rounded copies; those of zero padding have none."""
    gy, w = np.full((1, 1, 3, 3), 1 / 3), np.full((1, 1, 1, 1), 1 + 2.0**-10)
    gy = BINARY16.round(gy)
    for mode, extra in (("zeros", 0), ("circular", 1)):
        ball = reference.enclose_conv2d_input(
            (1, 1, 1, 1), w, gy, padding=1, padding_mode=mode, arithmetic=FLOAT16
        )
        early = ball.rad - BINARY16.spacing(np.abs(ball.mid)) / 2
        assert np.all((early > BINARY16.u) == bool(extra)), mode


def test_operands_that_need_no_conversion_are_exact() -> None:
    """Numbers of the operands' format, and integers of few bits, have radius 0 under TF32."""
    random = np.random.default_rng(5)
    x, w = random.integers(-1023, 1024, (1, 2, 4, 4)), random.integers(-9, 10, (1, 2, 3, 3))
    assert not reference.enclose_conv2d(x, w, arithmetic=TF32).rad.any()
    assert np.all(TENSOR32.round(x.astype(np.float64)) == x)
    wide = reference.enclose_conv2d(x * 8 + 1, w, arithmetic=TF32)
    assert np.all(wide.rad > 0)


def test_probable_radius_is_smaller_for_long_sums_and_absent_otherwise() -> None:
    """It grows with sqrt(n); truncation, exact sums and fast algorithms have none."""
    random = np.random.default_rng(6)
    x, w = random.standard_normal((1, 64, 4, 4)), random.standard_normal((2, 64, 3, 3))
    x, w = reference.BINARY32.round(x), reference.BINARY32.round(w)
    ball = reference.enclose_conv2d(x, w, arithmetic=FLOAT32)
    assert ball.probable is not None
    assert np.all(ball.probable < ball.rad / 2)
    y = np.zeros(ball.mid.shape, np.float32)
    single = x.astype(np.float32), w.astype(np.float32)
    for c, i, j in np.ndindex(64, 3, 3):
        y += single[0][:, c, i : i + 2, j : j + 2] * single[1][:, c, i, j].reshape(2, 1, 1)
    assert np.all(np.abs(y - ball.mid) <= ball.probable)
    assert reference.enclose_conv2d(x, w, arithmetic=TF32).probable is None
    exact = reference.enclose_conv2d(np.ones((1, 1, 1)), [[[[2]]]], arithmetic=FLOAT32)
    assert exact.probable is None
