"""Declared arithmetics and gamma."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from reference import BINARY16, BINARY32, BINARY64, FLOAT32, Format, gamma

FORMATS = [(BINARY16, np.float16), (BINARY32, np.float32), (BINARY64, np.float64)]


@pytest.mark.parametrize(("each", "dtype"), FORMATS)
def test_constants_are_the_formats(each: Format, dtype: type) -> None:
    """The constants of a format are those of NumPy's type of the same width."""
    info = np.finfo(dtype)
    assert each.u == float(info.eps) / 2
    assert each.eta == float(info.smallest_subnormal)
    assert each.smallest_normal == float(info.smallest_normal)
    assert each.largest == float(info.max)


@pytest.mark.parametrize("n", [0, 1, 2, 1000, 2**23])
def test_gamma_is_its_formula(n: int) -> None:
    """gamma(n, u) is n u / (1 - n u), to the last bits of float64."""
    u = Fraction(FLOAT32.u)
    exact = n * u / (1 - n * u)
    assert abs(Fraction(float(gamma(n, FLOAT32.u))) - exact) <= exact * Fraction(2) ** -51


def test_gamma_is_infinite_without_a_bound() -> None:
    """Gamma is infinite from n u = 1 on, and large just below."""
    values = gamma(np.array([2**24 - 1, 2**24, 2**24 + 1, 2**40]), FLOAT32.u)
    assert values.tolist() == [2.0**24 - 1, np.inf, np.inf, np.inf]


def test_gamma_bounds_products_of_roundings() -> None:
    """(1 + u)^n - 1 and 1 - (1 - u)^n, and their reciprocals' excess, stay below gamma(n, u)."""
    u = Fraction(1, 2**8)
    for n in range(1, 200, 7):
        bound = Fraction(float(gamma(n, float(u)))) * (1 + Fraction(2) ** -50)
        assert (1 + u) ** n - 1 <= bound
        assert 1 / (1 - u) ** n - 1 <= bound
