"""Have the worker train, and read its reply: every iterate, as observed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from properties import violations as v
from properties.case import Case, Tensor
from properties.dtypes import DTYPES
from properties.observation import raise_reported
from properties.recovery_training import Training
from properties.requests import describe, encode
from properties.runner import Runner
from properties.values import Float64
from properties.wire import Header

DIVERGED = 2.0**60


@dataclass(frozen=True, eq=False)
class Descent:
    """Observed iterates: leading axis 0..T. A velocity is torch's momentum buffer, 0 at first."""

    weight: Float64
    bias: Float64 | None
    weight_velocity: Float64 | None
    bias_velocity: Float64 | None

    def bounded(self) -> Descent:
        """Return the descent with 0 in the place of NaN and of what would overflow when squared.

        The step that led to such a number is outside its enclosure, and only the first counts.
        """
        arrays = (self.weight, self.bias, self.weight_velocity, self.bias_velocity)
        weight, *others = (
            a if a is None else np.where(np.abs(a) < DIVERGED, a, 0.0) for a in arrays
        )
        assert weight is not None
        return Descent(weight, *others)


def descend(runner: Runner, training: Training) -> Descent:
    """Let the worker train; raise the violation that its answer is, if it is one."""
    case = training.case
    request, buffers = encode(case.forward())
    request["tensors"].append(describe("target", Tensor.of(training.target), case.dtype))
    request |= {
        "request": "train",
        "lr": training.lr,
        "momentum": training.momentum,
        "reduction": training.reduction,
        "schedule": training.schedule,
    }
    data = training.target.astype(DTYPES[case.dtype].stored).tobytes()
    expected = _shapes(training)
    # The first SGD of a process imports for seconds; no hang limit is meant for that.
    runner.prepare({"request": "train", "prepare": True})
    size = sum(math.prod(shape) for shape in expected) * DTYPES[case.dtype].itemsize
    try:
        reply, returned = runner.exchange(case, request, [*buffers, data], size)
        _require_well_formed(case, reply)
        return _decode(training, expected, returned)
    except v.Violation as violation:
        violation.check = training.check
        violation.facts.setdefault("training", training.summary())
        raise


def _shapes(training: Training) -> list[tuple[int, ...]]:
    """Return the shapes of the buffers that an honest reply has."""
    case, steps = training.case, training.steps
    trained = [case.weight.shape] if case.bias is None else [case.weight.shape, case.bias.shape]
    velocities = [(steps, *shape) for shape in trained] if training.momentum else []
    return [(steps + 1, *shape) for shape in trained] + velocities


def _require_well_formed(case: Case, reply: Header) -> None:
    raise_reported(case, reply)
    changed = reply.get("changed")
    if not isinstance(changed, list):
        raise v.ReplyViolation("the worker's reply lacks what every reply has", case)
    if changed:
        title = f"training wrote to its {' and '.join(map(str, changed))}, or next to it"
        raise v.MutationViolation(title, case)


def _decode(
    training: Training, shapes: Sequence[tuple[int, ...]], buffers: Sequence[memoryview]
) -> Descent:
    dtype = DTYPES[training.case.dtype]
    if [len(buffer) for buffer in buffers] != [math.prod(s) * dtype.itemsize for s in shapes]:
        title = "the worker's buffers are not the iterates of this training"
        raise v.ReplyViolation(title, training.case)
    arrays: list[Float64 | None] = [
        dtype.from_stored(data).reshape(shape) for data, shape in zip(buffers, shapes, strict=True)
    ]
    if training.case.bias is None:
        arrays = [array for found in arrays for array in (found, None)]
    if not training.momentum:
        arrays += [None, None]
    weight, bias, *velocities = arrays
    assert weight is not None
    first, second = (
        None if u is None else np.concatenate([np.zeros_like(u[:1]), u]) for u in velocities
    )
    return Descent(weight, bias, first, second)
