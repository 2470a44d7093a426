"""Precision faults are caught, all of them, and correct kernels of every order never are."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from reference import BINARY16, BINARY32, BINARY64, BRAIN16, Arithmetic, Format
from tests.faults.catalogue import FAULTS
from tests.faults.checks import Maker
from tests.faults.kernels import Kernel
from tests.faults.orders import ORDERS, Array, Order, Unit
from tests.faults.table import Tally, measured
from tests.reference import rounding

FORMATS = (BINARY64, BINARY32, BINARY16, BRAIN16)
TERMS, SUMS = 13, 60


@pytest.mark.parametrize("dtype", FAULTS)
@pytest.mark.parametrize("n", [27, 144])
def test_every_fault_is_caught_and_no_correct_kernel(dtype: str, n: int) -> None:
    """In every trial some check that the strategies draw fails on a fault; none does otherwise."""
    rows, alarms = measured(dtype, n, range(2))
    assert {row.fault: row.caught for row in rows} == {row.fault: 2 for row in rows}
    assert {name: found.failed for name, found in alarms.items() if found.failed} == {}


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        ("float32", "TF32 operands"),
        ("float32", "bf16x3"),
        ("float16", "output rounded to 16 bits first"),
    ],
)
def test_the_least_faults_are_caught_in_the_longest_sums(dtype: str, name: str) -> None:
    """Of 4608 terms, too, where the bound of dense data is wider than what these faults change."""
    tally = Tally(next(fault for fault in FAULTS[dtype] if fault.name == name))
    checks = Maker(dtype, 4608).checks(0)
    tally.add(checks, 0)
    assert tally.row().caught == 1
    assert not checks.failed(Kernel()(checks.operands, checks.arithmetic))


def factors(each: Format, seed: int) -> Array:
    """Return numbers of a format (terms, sums): some with all bits, some with few, which tie."""
    random, p = np.random.default_rng(seed), each.precision
    dense = random.integers(2 ** (p - 1), 2**p, (TERMS, SUMS)) * 2.0**-p
    values = np.where(random.random((TERMS, SUMS)) < 0.5, dense, random.integers(1, 4, dense.shape))
    least = 6 if each == BINARY16 else p  # products of it stay normal
    exponents = random.integers(-least, 2, dense.shape) // 2
    found: Array = np.ldexp(values * random.choice([-1.0, 1.0], dense.shape), exponents)
    return found


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.__name__)
def test_orders_round_as_fractions_do(order: Order, each: Format) -> None:
    """Each vectorised sum is, bit for bit, the one whose every rounding is that of a fraction."""
    left, right, unit = factors(each, 1), factors(each, 2), Unit(each)
    found = order(unit.hold(left), unit.hold(right), unit)
    machine = rounding.Machine(Arithmetic(each.name, each))
    exactly = getattr(rounding, order.__name__)
    for i in range(SUMS):
        terms = [(Fraction(a), Fraction(b)) for a, b in zip(left[:, i], right[:, i], strict=True)]
        assert float(found[i]) == float(exactly(terms, machine))


def test_fused_rounds_once_where_float64_would_round_twice() -> None:
    """A sum below a tie of binary32, by less than float64 sees, is rounded down all the same."""
    unit = Unit(BINARY32)
    left, right, addend = (2**23 + 1) * 2.0**-30, (2**24 - 2) * 2.0**-41, 1 + 2.0**-23
    assert Fraction(left) * Fraction(right) == Fraction(2.0**-24) - Fraction(2.0**-70)
    assert float(np.float32(left * right + addend)) == 1 + 2.0**-22
    found = unit.fused(*(unit.hold(np.array([value])) for value in (left, right, addend)))
    assert float(found[0]) == addend
