"""Gradients whose partial sums are stored early, tap by tap, image by image and copy by copy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from reference import BFLOAT16, FLOAT16, Arithmetic, Enclosure
from reference.arithmetic import Stores
from tests.reference.problems import Index, Problem, few, problems
from tests.reference.rounding import (
    Machine,
    Number,
    Summation,
    Term,
    add,
    fused,
    pairwise,
    sequential,
    simulate,
    tensor_core,
)

Parts = dict[Index, list[Term]]
Sums = dict[Index, dict[Index, Parts]]  # element, copy of a padded pixel, part
Key = Callable[[Index, Index, Index], Index]

TAP: Key = lambda i, k, o: k[-2:]  # noqa: E731
IMAGE: Key = lambda i, k, o: o[:-3]  # noqa: E731
WHOLE: Key = lambda i, k, o: ()  # noqa: E731


def rounded(p: Problem, arithmetic: Arithmetic) -> Problem:
    """Return the problem with operands that are finite numbers of the arithmetic's output."""
    for array in (p.x, p.w, p.b, p.gy):
        array[...] = arithmetic.output.truncate(array)
    return p


def input_sums(p: Problem, part: Key) -> Sums:
    """Return the terms of each element of the input's gradient, by padded copy and by part."""
    sums: Sums = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    (sh, sw), (dh, dw) = p.params.stride, p.params.dilation
    for i, k, o in p.triples():
        copy = o[-2] * sh + k[-2] * dh, o[-1] * sw + k[-1] * dw
        sums[i][copy][part(i, k, o)].append((Fraction(p.w[k]), Fraction(p.gy[o])))
    return sums


def weight_sums(p: Problem, part: Key) -> Sums:
    """Return the terms of each element of the weight's gradient, by part."""
    sums: Sums = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for i, k, o in p.triples():
        sums[k][()][part(i, k, o)].append((Fraction(p.x[i]), Fraction(p.gy[o])))
    return sums


def computed(copies: dict[Index, Parts], machine: Machine, order: Summation) -> Number:
    """Return a sum over stored copies of sums over parts."""
    total: Number = Fraction(0)
    for parts in copies.values():
        found = simulate(order, machine, list(parts.values()))
        total = machine.stored(machine.rounded(add(total, found)))
    return total


def assert_inside(sums: Sums, ball: Enclosure, machine: Machine, order: Summation) -> None:
    """Require that elements of a simulated gradient lie inside."""
    for index, copies in list(sums.items())[:10]:
        value = computed(copies, machine, order)
        assert ball[index].contains(float(value)), (index, value, ball[index])


@pytest.mark.parametrize("base", [FLOAT16, BFLOAT16, replace(FLOAT16, name="cut", truncates=True)])
@pytest.mark.parametrize("stores", ["none", "taps", "images", "any"])
def test_early_stores_are_inside(base: Arithmetic, stores: Stores) -> None:
    """Both gradients lie inside, whatever is stored early and how many copies are added later."""
    arithmetic = replace(base, stores=stores)
    orders: list[Summation] = [sequential, pairwise, fused]
    if base.truncates and stores != "any":  # whose additions are single ones, and rounded
        orders.append(tensor_core(4))

    @few
    @given(problems(max_output=3), st.sampled_from(orders))
    def check(problem: Problem, order: Summation) -> None:
        p, options = rounded(problem, arithmetic), problem.arguments
        machine = Machine(arithmetic)
        if stores == "any":
            machine = Machine(replace(arithmetic, accumulator=base.output, stores="none"))
        ball = reference.enclose_conv2d_input(
            p.input_shape, p.w, p.gy, **options, arithmetic=arithmetic
        )
        part = TAP if stores == "taps" else WHOLE
        assert_inside(input_sums(p, part), ball, machine, order)
        ball = reference.enclose_conv2d_weight(
            p.x, p.weight_shape, p.gy, **options, arithmetic=arithmetic
        )
        part = IMAGE if stores == "images" else WHOLE
        assert_inside(weight_sums(p, part), ball, machine, order)

    check()
