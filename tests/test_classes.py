"""A fast algorithm is told from a wrong value: live on torch's own NNPACK, and in imitation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

import reference
from properties.case import Case, Tensor
from properties.classes import reach
from properties.domain import Domain
from properties.implementation import Implementation
from properties.observation import Observation
from properties.rows import Rows
from properties.runner import Runner
from properties.subject import Subject
from properties.values import Recipe
from properties.violations import ClassViolation, RelationViolation, ValueViolation

CASE = Case(
    Tensor((1, 2, 6, 6), Recipe("normal", 1)),
    Tensor((2, 2, 3, 3), Recipe("normal", 2)),
    params=reference.Conv2dParams(padding=1),
)
FAST = Rows({("float32", "output"): replace(reference.FLOAT32, algorithm="fast-plane")})


@pytest.fixture(scope="module")
def native() -> Iterator[Subject]:
    """Torch with oneDNN off, which takes NNPACK's fast algorithms from 16 images on."""
    target = Implementation("tests.native:conv2d")
    with Runner(target) as runner:
        yield Subject(target, runner, Domain())


def images(count: int, kernel: int) -> Case:
    """Return a call on images with one pixel a thousand times the others."""
    values = Recipe("normal", 1).expand((count, 2, 18, 18))
    values[0, 0, 7, 7] = 2.0**14
    weight = Tensor((3, 2, kernel, kernel), Recipe("normal", 2))
    return Case(Tensor.of(values), weight, params=reference.Conv2dParams(padding=kernel // 2))


def test_few_images_are_direct(native: Subject) -> None:
    """Below 16 images torch sums the products themselves: the direct bound holds."""
    native.check(images(15, 3))


@pytest.mark.parametrize(("kernel", "tile"), [(3, "6x6"), (5, "12x12")])
def test_a_fast_algorithm_is_a_class_change(native: Subject, kernel: int, tile: str) -> None:
    """From 16 images on the result is outside the direct bound; the measured tile is told."""
    own = f"{kernel}x{kernel}"
    with pytest.raises(ClassViolation, match=f"one NaN reaches {tile} results, {own} by the def"):
        native.check(images(16, kernel))


def test_a_declared_fast_algorithm_is_counted(native: Subject) -> None:
    """With a row that declares it the same result passes, and is counted."""
    declared = Subject(replace(native.implementation, rows=FAST), native.runner, Domain())
    declared.check(images(16, 3))
    assert declared.search.fast == 1


def test_the_reach_of_a_direct_call_is_its_receptive_field(native: Subject) -> None:
    """Where products are summed, one NaN reaches what sees it, with stride and in gradients too."""
    case = images(2, 3).replace(stride=(2, 1))
    assert str(reach(native.run, case, "output")) == (
        "one NaN reaches 2x3 results, 2x3 by the definition"
    )
    asked = case.replace(
        gradients=("input",), grad_output=Tensor(case.output_shape, Recipe("ones"))
    )
    found = reach(native.run, asked, "input")
    assert (found.found, found.beyond) == (found.defined, False)


class Imitation:
    """Stands in for a runner: the definition's value, off by `error` where there is padding."""

    facts: dict[str, Any] = {}  # noqa: RUF012 - as a runner has it

    def __init__(self, error: float) -> None:
        self.error = error

    def run(self, case: Case) -> Observation:
        """Return what a device would."""
        p = case.params
        y = reference.conv2d(case.arrays["input"], case.arrays["weight"], padding=p.padding)
        y = y.astype(np.float32).astype(np.float64)
        if p.padding != (0, 0):
            y[0, 0, 2, 2] += self.error
        return Observation(case, {"output": y}, {"output": y.tobytes()}, {"output": ()}, 0.0)


def relate(error: float, rows: Rows) -> Subject:
    """Judge padding inside the call against padding before it."""
    runner: Any = Imitation(error)
    target = Implementation("kernels:conv2d", rows=rows)
    subject = Subject(target, cast("Runner", runner), Domain())
    padded = reference.pad(CASE.arrays["input"], ((1, 1), (1, 1)), "zeros")
    before = CASE.replace(input=Tensor.of(padded), padding=0)
    subject.require_equal(CASE, "padding", subject.measure(CASE), subject.measure(before))
    return subject


def test_a_fast_side_of_a_relation_is_counted() -> None:
    """An error of 2^-12 misses the direct bound and meets the declared normwise one."""
    assert relate(2.0**-12, FAST).search.fast == 1


def test_a_wrong_value_is_a_violation() -> None:
    """An error beyond the normwise bound is the violation of the call that made it."""
    with pytest.raises(ValueViolation):
        relate(1.0, FAST)


def test_undeclared_the_direct_bound_holds() -> None:
    """Without the declaration the same error breaks the relation."""
    with pytest.raises(RelationViolation):
        relate(2.0**-12, Rows())


def test_a_small_wrong_value_is_no_class() -> None:
    """Inside a fast bound, but with no NaN spreading: a wrong value, and told as one."""
    runner: Any = Imitation(2.0**-12)
    subject = Subject(Implementation("kernels:conv2d"), cast("Runner", runner), Domain())
    with pytest.raises(ValueViolation):
        subject.check(CASE)


def test_no_error_is_no_news() -> None:
    """Exact sides agree whatever is declared, and nothing is counted."""
    assert relate(0.0, FAST).search.fast == 0


def test_the_reach_is_measured_in_a_call_of_any_derivative(native: Subject) -> None:
    """The probe of a second-order call asks for the gradient that it looks at, and no more."""
    case = images(2, 3)
    asked = case.replace(
        gradients=("input", "weight"),
        grad_output=Tensor(case.output_shape, Recipe("ones")),
        derivative="second",
        direction_input=case.input,
        direction_weight=case.weight,
    )
    for name in ("output", "input", "second_weight"):
        assert not reach(native.run, asked, name).beyond
