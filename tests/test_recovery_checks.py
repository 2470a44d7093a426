"""The checks of kernel recovery can fail: each defect and each bad reply is named as what it is."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties import violations as v
from properties.case import Case, Tensor
from properties.domain import Domain
from properties.implementation import Implementation
from properties.recovery import (
    Observed,
    norms,
    observe,
    recheck_training,
    require_apart,
    require_closed_form,
    require_near,
)
from properties.recovery_descent import descend
from properties.recovery_theory import tuned
from properties.recovery_training import Training
from properties.runner import Runner
from properties.subject import Subject
from properties.test_recovery import ambiguous_training
from properties.values import Recipe
from reference import Conv2dParams
from tests.killing import Recycling

WRONG = {
    "decays": v.TrainingViolation,
    "forgets_the_first_tap": v.TrainingViolation,
    "rounds_to_half": v.TrainingViolation,
    "diverges": v.TrainingViolation,
    "Frozen": v.TrainingViolation,
    "broadcasts": v.ErrorViolation,
    "writes_to_the_input": v.MutationViolation,
}


Subjects = Callable[[str], Subject]


@pytest.fixture
def subjects(spares: Recycling) -> Iterator[Subjects]:
    """Give implementations by target."""
    with contextlib.ExitStack() as stack:

        def subject(target: str) -> Subject:
            implementation = Implementation(target)
            runner = stack.enter_context(Runner(implementation, spares))
            return Subject(implementation, runner, Domain())

        yield subject


def training(dtype: str = "float32", momentum: float = 0.0) -> Training:
    """Return four steps of a problem with groups, bias, stride, padding and mini-batches."""
    shapes = {"input": (3, 4, 5, 6), "weight": (4, 2, 2, 3), "bias": (4,)}
    x, w, b = (Tensor(shape, Recipe("integers", i)) for i, shape in enumerate(shapes.values()))
    case = Case(x, w, b, Conv2dParams((1, 2), (1, 0), 1, 2), dtype)
    truth = Tensor(shapes["weight"], Recipe("integers", 7))
    true_bias = Tensor(shapes["bias"], Recipe("integers", 8))
    drawn = Training(case, truth, true_bias, 1.0, 4, momentum, "mean", ((0, 2), (2, 3)))
    return tuned(drawn)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("momentum", [0.0, 0.875])
@pytest.mark.parametrize("target", ["F.conv2d", "nn.Conv2d"])
def test_stock_torch_trains_as_predicted(
    target: str, momentum: float, dtype: str, subjects: Subjects
) -> None:
    """No false alarm; and what was checked can be checked again from the violation's `check`."""
    exercise = training(dtype, momentum)
    tested = subjects(target)
    observed = observe(tested, exercise)
    require_closed_form(observed)
    recheck_training(tested, exercise.case, exercise.check)
    assert observed.descent.weight.shape == (5, 4, 2, 2, 3)
    assert not np.array_equal(observed.iterates[0], observed.iterates[-1])


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_gradient_is_reported(name: str, subjects: Subjects) -> None:
    """A right output is not enough: the first bad step is named, with what replays it."""
    exercise = training()
    tested = subjects(f"tests.recovery_mutants:{name}")
    with pytest.raises(WRONG[name]) as caught:
        observe(tested, exercise)
    check = caught.value.check
    assert {**check, **exercise.check} == check
    assert "\n" not in caught.value.title
    if WRONG[name] is v.TrainingViolation:
        assert re.search(r"weight\[.*\] after step [12] = .* outside ", caught.value.title)
        first = check["first"]
        assert first["operand"] == "weight"
        assert float.fromhex(first["low"]) <= float.fromhex(first["high"])
        assert json.loads(json.dumps(check)) == check
    with pytest.raises(WRONG[name]):
        recheck_training(tested, exercise.case, caught.value.check)


class Scripted:
    """Stands in for a runner: answers with what it is given."""

    def __init__(self, reply: dict[str, Any], buffers: list[bytes]) -> None:
        self.reply, self.buffers = reply, buffers

    def prepare(self, request: dict[str, Any]) -> None:
        """Do nothing; there is no worker."""

    def exchange(self, *call: Any) -> tuple[dict[str, Any], list[memoryview]]:
        """Return the scripted reply."""
        return self.reply, [memoryview(buffer) for buffer in self.buffers]


SIZES = (5 * 4 * 2 * 2 * 3 * 4, 5 * 4 * 4)  # bytes: five iterates of weight and bias in float32


@pytest.mark.parametrize(
    ("reply", "sizes"),
    [
        ({}, SIZES),
        ({"changed": None}, SIZES),
        ({"changed": []}, ()),
        ({"changed": []}, SIZES[:1]),
        ({"changed": []}, (SIZES[0] - 4, SIZES[1] + 4)),
        ({"changed": []}, (*SIZES, 8)),
    ],
)
def test_a_malformed_reply_is_a_violation(reply: dict[str, Any], sizes: tuple[int, ...]) -> None:
    """Nothing that a worker sends is trusted: other fields or sizes are a ReplyViolation."""
    runner: Any = Scripted(reply, [bytes(size) for size in sizes])
    with pytest.raises(v.ReplyViolation) as caught:
        descend(runner, training())
    assert caught.value.check["kind"] == "train"


def test_iterates_from_elsewhere_are_reported() -> None:
    """Descent that did not start at the weight that was sent is no descent of this problem."""
    runner: Any = Scripted({"changed": []}, [bytes(size) for size in SIZES])
    runner.implementation = Implementation("F.conv2d")
    with pytest.raises(v.TrainingViolation, match=r"before step 1 = 0\.0 is not"):
        observe(Subject(runner.implementation, runner, Domain()), training())


def test_the_end_is_checked_from_both_sides(subjects: Subjects) -> None:
    """An end that is nearer to, or farther from, a point than predicted is reported."""
    tested = subjects("F.conv2d")
    observed = observe(tested, ambiguous_training("float64", 20))
    limit, truth = observed.problem.limit(), observed.problem.truth
    unseen, left = norms(observed.problem.null_errors()), norms(observed.iterates[-1] - limit)
    require_near(observed, limit, left, "the limit")
    require_apart(observed, truth, unseen, "the kernel")
    with pytest.raises(v.TrainingViolation, match=r"from the limit; .* is allowed"):
        require_near(observed, limit, left * 0.99, "the limit")
    with pytest.raises(v.TrainingViolation, match=r"from the kernel; the part that no gradient"):
        require_apart(observed, truth, unseen * 100, "the kernel")


def test_the_closed_form_is_checked(subjects: Subjects) -> None:
    """Iterates that belong to another learning rate are outside the accumulated radii."""
    tested = subjects("F.conv2d")
    exercise = training("float64")
    observed = observe(tested, exercise)
    other = replace(exercise, lr=exercise.lr / 2)
    wrong = Observed(other, observed.descent, observed.arithmetic)
    with pytest.raises(v.TrainingViolation, match=r"after step . = .* x the allowed radius"):
        require_closed_form(wrong)
