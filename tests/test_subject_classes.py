"""Away from the CPU a fast algorithm is told from a wrong value, in relations too."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

import reference
from properties.case import Case, Tensor
from properties.domain import Domain
from properties.implementation import Implementation
from properties.observation import Observation
from properties.runner import Runner
from properties.subject import Subject
from properties.values import Recipe
from properties.violations import RelationViolation, ValueViolation

CASE = Case(
    Tensor((1, 2, 6, 6), Recipe("normal", 1)),
    Tensor((2, 2, 3, 3), Recipe("normal", 2)),
    params=reference.Conv2dParams(padding=1),
)


class Imitation:
    """Stands in for a runner: the definition's value, off by `error` where there is padding."""

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


def relate(error: float, device: str) -> Subject:
    """Judge padding inside the call against padding before it."""
    runner: Any = Imitation(error)
    subject = Subject(Implementation("F.conv2d", device), cast("Runner", runner), Domain())
    padded = reference.pad(CASE.arrays["input"], ((1, 1), (1, 1)), "zeros")
    before = CASE.replace(input=Tensor.of(padded), padding=0)
    subject.require_equal(CASE, "padding", subject.measure(CASE), subject.measure(before))
    return subject


def test_a_fast_algorithm_is_counted() -> None:
    """An error of 2^-12 misses the direct bound and meets the normwise one: it is counted."""
    assert relate(2.0**-12, "cuda").search.unclassed == 1


def test_a_wrong_value_is_a_violation() -> None:
    """An error beyond the normwise bound is the violation of the call that made it."""
    with pytest.raises(ValueViolation):
        relate(1.0, "cuda")


def test_on_the_cpu_the_direct_bound_holds() -> None:
    """On the CPU the same error breaks the relation."""
    with pytest.raises(RelationViolation):
        relate(2.0**-12, "cpu")


def test_no_error_is_no_news() -> None:
    """Exact sides agree on every device, and nothing is counted."""
    assert relate(0.0, "cuda").search.unclassed == 0
