"""Formats round float64 values once, as exact fractions and other libraries do."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reference import BINARY16, BINARY32, BINARY64, BRAIN16, TENSOR32, Format
from tests.reference.problems import many
from tests.reference.rounding import nearest, towards_zero

FORMATS = [BINARY16, BINARY32, BINARY64, BRAIN16, TENSOR32, Format("tiny", 3, -2, 4)]
Array = NDArray[np.float64]


def hard_cases(each: Format) -> Array:
    """Return numbers of a format, halves between them and their float64 neighbours, both signs."""
    random = np.random.default_rng(each.precision)
    exponents = np.arange(each.min_exponent - each.precision - 2, each.max_exponent + 1)
    if len(exponents) > 60:
        exponents = np.concatenate([exponents[:30], exponents[-30:]])
    steps = 2**each.precision + random.integers(0, 2**each.precision, (8, 1))
    edge = np.array([[2**each.precision], [2 ** (each.precision + 1) - 1]])
    with np.errstate(over="ignore"):
        values = np.ldexp(np.vstack([steps, edge]).astype(np.float64), exponents - each.precision)
    values = np.concatenate(
        [values.ravel(), [0.0, each.largest, each.overflow_threshold, each.eta]]
    )
    values = values[np.isfinite(values)]
    beside = [np.nextafter(values, -1), values, np.nextafter(values, 2.0**1023)]
    return np.concatenate([*beside, *(-a for a in beside)])


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_rounding_is_that_of_fractions(each: Format) -> None:
    """Nearest with ties to even, subnormals and overflow, and truncation, equal exact ones."""
    values = hard_cases(each)
    values = values[np.isfinite(values)]
    rounded, cut = each.round(values), each.truncate(values)
    for value, one, other in zip(values.tolist(), rounded, cut, strict=True):
        assert float(one) == float(nearest(Fraction(value), each)), value
        assert float(other) == float(towards_zero(Fraction(value), each)), value


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_any_float_is_rounded_as_a_fraction(each: Format) -> None:
    """The same holds for random floats of every magnitude."""

    @many
    @given(st.floats(allow_nan=False, allow_infinity=False))
    def check(value: float) -> None:
        exact = Fraction(value)
        assert float(each.round(np.array([value]))[0]) == float(nearest(exact, each))
        assert float(each.truncate(np.array([value]))[0]) == float(towards_zero(exact, each))

    check()


@pytest.mark.parametrize(("each", "dtype"), [(BINARY16, np.float16), (BINARY32, np.float32)])
def test_rounding_is_numpys_cast(each: Format, dtype: type) -> None:
    """float16 and float32 casts give the same bits, the sign of zero included."""
    values = np.concatenate([hard_cases(each), [np.inf, -np.inf, np.nan]])
    with np.errstate(over="ignore"):
        expected = values.astype(dtype).astype(np.float64)
    np.testing.assert_array_equal(each.round(values), expected)
    np.testing.assert_array_equal(np.signbit(each.round(values)), np.signbit(expected))


def test_rounding_to_bfloat16_is_torchs_cast() -> None:
    """Of float32 values, which torch casts to bfloat16 with one rounding."""
    values = BINARY32.round(hard_cases(BRAIN16))
    tensor = torch.from_numpy(values.astype(np.float32)).bfloat16()
    np.testing.assert_array_equal(BRAIN16.round(values), tensor.double().numpy())


def test_truncation_to_tf32_clears_thirteen_bits() -> None:
    """Truncation keeps the first ten bits of the fraction of a float32."""
    values = BINARY32.round(hard_cases(TENSOR32))
    values = values[np.abs(values) <= BINARY32.largest].astype(np.float32)
    cleared = (values.view(np.int32) & ~0x1FFF).view(np.float32)
    np.testing.assert_array_equal(TENSOR32.truncate(values), cleared)


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_spacing_is_the_distance_to_the_next_number(each: Format) -> None:
    """Within a binade x + spacing(x) is the next number; below it numbers may be closer."""
    values = np.abs(each.round(hard_cases(each)))
    values = values[values < each.largest]
    spacing = each.spacing(values)
    np.testing.assert_array_equal(each.round(values + spacing), values + spacing)
    halfway = values + spacing / 2
    assert np.all((each.round(halfway) == values) | (each.round(halfway) == values + spacing))


def test_constants() -> None:
    """Thresholds of overflow, largest and smallest numbers as the standards give them."""
    assert (BINARY16.largest, BINARY16.overflow_threshold) == (65504.0, 65520.0)
    assert BRAIN16.overflow_threshold == 2.0**128 * (1 - 2.0**-9)
    assert BINARY32.overflow_threshold == 2.0**128 * (1 - 2.0**-25)
    assert BINARY64.overflow_threshold == math.inf
    assert (BINARY16.eta, BRAIN16.eta, TENSOR32.eta) == (2.0**-24, 2.0**-133, 2.0**-136)
    assert (BRAIN16.u, TENSOR32.u) == (2.0**-8, 2.0**-11)


def test_arrays_of_any_shape() -> None:
    """Scalars, empty arrays and strided views are rounded elementwise."""
    assert BINARY16.round(np.array(1 + 2.0**-12)) == 1.0
    assert BINARY16.round(np.zeros((0, 2))).shape == (0, 2)
    view = np.full((4, 6), 1 / 3)[::2, 1::2]
    assert np.all(BINARY16.round(view) == float(np.float16(1 / 3)))
