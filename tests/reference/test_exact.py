"""Exact sums are Python's integer sums, rounded once."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

import reference
from reference import columns
from reference.rounding import rounded
from tests.reference.exactness import (
    KINDS,
    UNIT,
    Hard,
    HardComplex,
    hard_problems,
    integers,
    mismatches,
    nearest,
    results,
)
from tests.reference.problems import few, refused

EXAMPLES = 60  # per kind; `python -m tests.exact_campaign` takes more


@pytest.mark.parametrize("kind", KINDS)
def test_every_element_is_its_exact_sum_rounded_once(kind: str) -> None:
    """Output and gradients equal the sums in Python's integers, bit for bit, on every hard kind."""

    @settings(few, max_examples=EXAMPLES)
    @given(hard_problems(kind))
    def check(problem: Hard) -> None:
        assert list(mismatches(problem)) == []

    check()


def _digits(value: int, bits: int, length: int) -> list[int]:
    """Return the digits of an integer in base 2**bits, between -2**(bits - 1) and 2**(bits - 1)."""
    digits: list[int] = []
    for _ in range(length - 1):
        digit = (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
        digits.insert(0, digit)
        value = (value - digit) >> bits
    return [value, *digits]


@pytest.mark.parametrize("kind", KINDS)
def test_each_part_of_a_complex_element_is_rounded_once(kind: str) -> None:
    """Complex results, gradients of conjugates among them, equal sums of Gaussian integers."""

    @settings(few, max_examples=EXAMPLES // 3)
    @given(hard_problems(kind, HardComplex))
    def check(problem: Hard) -> None:
        assert list(mismatches(problem)) == []

    check()


def test_complex_gradients_follow_torch() -> None:
    """Output and gradients are those of torch's complex convolution, within float64 rounding."""
    p = HardComplex((2, 4, 5, 4), (6, 2, 3, 2), {"groups": 2, "padding": 1}, 1, "normal")
    x, w, b, gy = map(torch.from_numpy, (p.x, p.w, p.b, p.gy))
    leaves = [tensor.requires_grad_() for tensor in (x, w, b)]
    y = torch.nn.functional.conv2d(x, w, b, groups=2, padding=1)
    theirs = [y, *torch.autograd.grad(y, leaves, gy)]
    for exact, tensor in zip(results(p), theirs, strict=True):
        np.testing.assert_allclose(tensor.detach().resolve_conj().numpy(), exact, atol=1e-12)


def test_complex_operands_of_every_kind_are_taken() -> None:
    """Conjugate tensors, lists, narrower types and a real operand beside a complex one."""
    x = np.array([[[1 + 2j, 3 - 1j]]])
    y = reference.conv2d_exact(torch.from_numpy(x).conj(), [[[[1j]]]], [0.5])
    assert y.tolist() == [[[2.5 + 1j, -0.5 + 3j]]]
    y = reference.conv2d_exact(x.astype(np.complex64), np.ones((1, 1, 1, 1)), np.array([1j]))
    assert y.tolist() == [[[1 + 3j, 3 + 0j]]]
    with refused("`input` has an element that is NaN or infinite"):
        reference.conv2d_exact(np.array([[[complex(0, np.inf)]]]), [[[[1.0]]]])
    with refused("`input` of shape (1,) is neither (N, C, H, W) nor (C, H, W)"):
        reference.conv2d_exact(x[0, 0, :1], [[[[1.0]]]])


@pytest.mark.parametrize("bits", [3, 10, 18, 21, 26])
@pytest.mark.parametrize("exponent", [0, -1090, -1060, -2100, 971])
def test_digits_are_rounded_once(bits: int, exponent: int) -> None:
    """Digits up to 2**52 become the nearest float64: carries, ties, subnormals, overflow."""
    random = Random(f"{bits}, {exponent}")
    length = 210 // bits + 1
    rows, values = [], []
    for _ in range(300):
        # A tie of some size, a little more or less, plus zero in large digits.
        tie = (2 ** random.randint(0, 53) | 1) << random.randint(0, 150)
        value = random.choice([1, -1]) * (tie + random.randint(-2, 2))
        noise = [random.choice([0, random.randint(-(2**51), 2**51)]) for _ in range(length)]
        noise[: 42 // bits + 2] = [0] * (42 // bits + 2)
        rest = value - sum(d << bits * i for i, d in enumerate(reversed(noise)))
        pairs = zip(noise, _digits(rest, bits, length), strict=True)
        rows.append([float(a + b) for a, b in pairs])
        values.append(value)
    found = rounded(list(np.array(rows).T), bits, exponent)
    unit = Fraction(2) ** (exponent - bits * (length - 1))
    for row, value, y in zip(rows, values, found.tolist(), strict=True):
        exact = nearest(*(value * unit).as_integer_ratio())
        assert y.hex() == exact.hex(), row


@pytest.mark.parametrize("terms", [1, 3, 5, 101, 2047, 4095, 2**17 + 1, 2**18 - 1])
def test_sums_of_equal_products_are_exact(terms: int) -> None:
    """The largest sums of slices that there are, of equal products with large slices, are exact."""
    # Numbers just below 1/2, whose slices of some number of bits are just below 1/2, too.
    operands = []
    for bits in (13, 17, 18, 19, 20, 21, 26):
        half = sum(Fraction(2**bits // 2 - 1, 2 ** (bits * k)) for k in range(1, 5))
        operands.append(int(half * 2**54) / 2**54)
    x = np.repeat(np.array(operands)[:, None], terms, 1)[:, :, None, None]
    y = reference.conv2d_exact(x, x)
    gw = reference.conv2d_weight_exact(x.swapaxes(0, 1), y.shape, x.swapaxes(0, 1))
    for i, j in np.ndindex(y.shape[:2]):
        exact = float(terms * Fraction(operands[i]) * Fraction(operands[j]))
        assert y[i, j, 0, 0] == gw[i, j, 0, 0] == exact


@pytest.mark.parametrize("values", ["wide", "cancelling"])
def test_long_sums_of_random_products_are_exact(values: str) -> None:
    """More than 2**17 products, of random numbers and of numbers whose sum nearly cancels."""
    p = Hard((1, 1, 364, 364), (1, 1, 1, 1), {}, 1, values)
    gw = reference.conv2d_weight_exact(p.x, p.weight_shape, p.gy)
    exact = (integers(p.x) * integers(p.gy)).sum()
    assert gw.tolist() == [[[[nearest(exact, 2 ** (2 * UNIT))]]]]


def test_exact_where_float64_sums_are_wrong() -> None:
    """With condition numbers beyond 1e15 the exact sum is found; float64's has no correct digit."""
    p = Hard((1, 64, 3, 5), (4, 64, 3, 3), {}, 1, "normal")
    p.x[:, 32:] = p.x[:, :32]
    p.w[:, 32:] = -np.nextafter(p.w[:, :32], 9)
    p.b[:] = 0
    assert list(mismatches(p)) == []
    y = reference.conv2d_exact(p.x, p.w)
    assert (reference.conv2d(np.abs(p.x), np.abs(p.w)) > 1e15 * np.abs(y)).all()
    assert (np.abs(reference.conv2d(p.x, p.w) - y) > np.abs(y) / 10).any()


@pytest.mark.parametrize("columns_per_band", [1, 3, 7, 40])
def test_bands_do_not_change_results(
    columns_per_band: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bands of any size, of part of an image or of several, give the same bits."""
    problem = Hard((5, 4, 6, 5), (6, 2, 3, 2), {"groups": 2, "padding": 1}, 7, "wide")
    monkeypatch.setattr(columns, "MIN_POSITIONS", 1)
    monkeypatch.setattr(columns, "CACHE_BYTES", 8 * 4 * 6 * columns_per_band)
    assert list(mismatches(problem)) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int32])
def test_every_operand_that_float64_holds_is_taken(dtype: torch.dtype) -> None:
    """Narrower tensors and integers give the float64 result of their values."""
    x = torch.arange(-8, 8).reshape(1, 4, 4).to(dtype)
    w = torch.arange(-2, 2).reshape(1, 1, 2, 2).to(dtype)
    y = reference.conv2d_exact(x, w, w[0, 0, 0, :1])
    np.testing.assert_array_equal(y, reference.conv2d(x.double(), w.double(), [-2.0]), strict=True)


def test_empty_sums_are_zero_or_the_bias() -> None:
    """Without channels, images or nonzero products nothing is left but the bias."""
    x, w, tiny = np.zeros((2, 0, 3, 3)), np.zeros((4, 0, 2, 2)), np.full(4, 5e-324)
    assert (reference.conv2d_exact(x, w, tiny) == 5e-324).all()
    assert (reference.conv2d_exact(np.zeros((2, 1, 3, 3)), np.ones((4, 1, 2, 2)), tiny) > 0).all()
    gy = np.ones((2, 4, 2, 2))
    assert reference.conv2d_input_exact(x.shape, w, gy).shape == x.shape
    assert reference.conv2d_weight_exact(x, w.shape, gy).shape == w.shape
    none = np.zeros((0, 4, 2, 2))
    assert not reference.conv2d_weight_exact(np.zeros((0, 1, 3, 3)), (4, 1, 2, 2), none).any()
    assert reference.conv2d_bias_exact(none).tolist() == [0.0] * 4


def test_exact_sums_write_to_no_operand() -> None:
    """Read-only operands are enough, and no result shares memory with one."""
    problem = Hard((2, 2, 4, 4), (2, 2, 1, 1), {}, 1, "normal")
    operands = problem.x, problem.w, problem.b, problem.gy
    for array in operands:
        array.setflags(write=False)
    for result in results(problem):
        assert not any(np.shares_memory(result, array) for array in operands)


ONES: dict[str, Any] = {
    "input": np.ones((1, 2, 2, 2)),
    "weight": np.ones((3, 2, 1, 1)),
    "bias": np.ones(3),
    "grad_output": np.ones((1, 3, 2, 2)),
}


def _calls(a: dict[str, Any]) -> dict[str, list[Any]]:
    """Return, per argument, the calls that take it."""
    forward = [lambda: reference.conv2d_exact(a["input"], a["weight"], a["bias"])]
    by_input = [lambda: reference.conv2d_input_exact((1, 2, 2, 2), a["weight"], a["grad_output"])]
    by_weight = [lambda: reference.conv2d_weight_exact(a["input"], (3, 2, 1, 1), a["grad_output"])]
    by_bias = [lambda: reference.conv2d_bias_exact(a["grad_output"])]
    return {
        "input": forward + by_weight,
        "weight": forward + by_input,
        "bias": forward,
        "grad_output": by_input + by_weight + by_bias,
    }


@pytest.mark.parametrize("name", ONES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.0**-401])
def test_what_exact_sums_cannot_hold_is_refused(name: str, value: float) -> None:
    """NaN, infinities and elements of too different exponents are refused, by name and rule."""
    message = f"`{name}` has an element that is NaN or infinite"
    if np.isfinite(value):
        message = (
            f"`{name}` has nonzero elements from about 2**-401 to 2**0, which exact sums allow to"
            " span at most 400 binades"
        )
    array = ONES[name].copy()
    array.flat[1] = value
    for call in _calls(ONES | {name: array})[name]:
        with refused(message):
            call()


def test_the_guard_allows_what_it_says() -> None:
    """Elements that span 400 binades, the bias far beyond the products, are summed exactly."""
    x = np.array([[[2.0**-400, 1.5, -1.5 + 2.0**-52]]])
    w = np.full((1, 1, 1, 3), 1.0)
    w[..., 0] = 2.0**-400
    found = reference.conv2d_exact(x, w, [-(2.0**-52)])
    assert found.tolist() == [[[2.0**-800]]]
    with refused(
        "`bias` of about 2**1023 and products below 2**2 have bits that span more than 920"
        " binades, which exact sums do not allow"
    ):
        reference.conv2d_exact(x, w, [2.0**1023])
