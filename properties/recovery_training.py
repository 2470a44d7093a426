"""Kernel recovery: gradient descent on data made with a known kernel, through an implementation.

A `Training` is the whole exercise: integer data, so that its theory (`properties.recovery_theory`)
is exact. `descend` has the worker carry it out and returns every iterate, as observed.
"""

from __future__ import annotations

import contextlib
import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import reference
from properties import violations as v
from properties.case import DTYPES, Case, Tensor
from properties.child import Child, MemoryExceeded
from properties.observation import _raise_reported
from properties.runner import LOAD_LIMIT, Runner, encode
from properties.values import Float64
from properties.wire import ChannelClosed, ChannelTimeout, Header, WireError

REDUCTIONS = ("sum", "mean")

_PREPARED: weakref.WeakSet[Child] = weakref.WeakSet()


@dataclass(frozen=True)
class Training:
    """Least squares by gradient descent, from the case's weight and bias towards a known kernel.

    case       input of shape (N, C, H, W), integers; the weight and bias that descent starts from
    truth      the kernel that the targets are made with, integers, of the weight's shape
    true_bias  its bias; present exactly when the case has one
    lr         learning rate of torch.optim.SGD
    steps      number of steps
    momentum   momentum of torch.optim.SGD, 0 <= momentum < 1
    reduction  the loss is the "sum" or the "mean" of the squared residuals of a batch
    batches    (start, stop) of the samples of steps 0, 1, ..., repeated; empty: all samples
    flipped    make the targets by true convolution, which flips the kernel
    """

    case: Case
    truth: Tensor
    true_bias: Tensor | None
    lr: float
    steps: int
    momentum: float = 0.0
    reduction: str = "sum"
    batches: tuple[tuple[int, int], ...] = ()
    flipped: bool = False

    def __post_init__(self) -> None:
        samples = self.case.input.shape[0]
        if self.truth.shape != self.case.weight.shape:
            raise ValueError(f"`truth` has shape {self.truth.shape}, not {self.case.weight.shape}")
        if (self.true_bias is None) != (self.case.bias is None):
            raise ValueError("`true_bias` goes with the case's bias: give both or neither")
        if not (0 <= self.momentum < 1 and self.lr > 0 and self.steps > 0):
            raise ValueError(f"`lr`={self.lr}, `momentum`={self.momentum}, `steps`={self.steps}")
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"`reduction`={self.reduction!r} is not one of {REDUCTIONS}")
        if any(not 0 <= start < stop <= samples for start, stop in self.batches):
            raise ValueError(f"`batches`={self.batches} are not ranges of {samples} samples")

    @property
    def schedule(self) -> list[tuple[int, int]]:
        """The samples (start, stop) of every step."""
        batches = self.batches or ((0, self.case.input.shape[0]),)
        return [batches[step % len(batches)] for step in range(self.steps)]

    @property
    def learnable(self) -> tuple[Float64, Float64 | None]:
        """The weight and bias whose cross-correlation gives the targets."""
        weight = self.truth.values.expand(self.truth.shape)
        bias = self.true_bias
        turned = np.ascontiguousarray(weight[..., ::-1, ::-1]) if self.flipped else weight
        return turned, None if bias is None else bias.values.expand(bias.shape)

    @cached_property
    def target(self) -> Float64:
        """The targets: integers that the case's dtype holds exactly."""
        case, p = self.case, self.case.params
        operation = reference.conv2d_flipped if self.flipped else reference.conv2d
        weight = self.truth.values.expand(self.truth.shape)
        bias = self.learnable[1]
        x = case.arrays["input"]
        options = (p.stride, p.padding, p.dilation, p.groups, p.padding_mode)
        target = operation(x, weight, bias, *options)
        size = reference.conv2d(np.abs(x), np.abs(weight), None, *options).max(initial=0.0)
        integral = all(np.array_equal(a, np.rint(a)) for a in (x, weight, target))
        limit = 1 / np.finfo(DTYPES[case.dtype]).eps
        if not integral or size >= limit or np.abs(target).max(initial=0.0) >= limit:
            raise ValueError("the data are not integers whose sums the dtype holds exactly")
        return target

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back to an equal exercise."""
        true_bias = None if self.true_bias is None else self.true_bias.to_json()
        return {
            "case": self.case.to_json(),
            "truth": self.truth.to_json(),
            "true_bias": true_bias,
            "lr": self.lr.hex(),
            "steps": self.steps,
            "momentum": self.momentum.hex(),
            "reduction": self.reduction,
            "batches": [list(batch) for batch in self.batches],
            "flipped": self.flipped,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Training:
        """Return the exercise that `to_json` wrote; ValueError for anything else."""
        try:
            bias = data["true_bias"]
            return cls(
                Case.from_json(data["case"]),
                Tensor.from_json(data["truth"]),
                None if bias is None else Tensor.from_json(bias),
                float.fromhex(data["lr"]),
                int(data["steps"]),
                float.fromhex(data["momentum"]),
                str(data["reduction"]),
                tuple((int(start), int(stop)) for start, stop in data["batches"]),
                bool(data["flipped"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a training: {type(error).__name__} {error}") from error

    @property
    def check(self) -> dict[str, Any]:
        """What a violation tells `replay`."""
        return {"kind": "train", **self.to_json()}

    def summary(self) -> str:
        """Return the exercise in one line, without the case."""
        parts = [f"{self.steps} steps of lr {self.lr!r}"]
        parts += [f"momentum {self.momentum!r}"] if self.momentum else []
        parts += [f"batches {list(self.batches)}"] if self.batches else ["full batch"]
        flipped = ", targets by true convolution" if self.flipped else ""
        return f"{', '.join(parts)}, {self.reduction} of squares{flipped}"

    def __repr__(self) -> str:
        values = (self.case.key, self.truth.to_json()["values"], self.true_bias)
        return f"Training({self.case.summary()}; {self.summary()}; {values})"


@dataclass(frozen=True, eq=False)
class Descent:
    """Observed iterates: leading axis 0..T. A velocity is torch's momentum buffer, 0 at first."""

    weight: Float64
    bias: Float64 | None
    weight_velocity: Float64 | None
    bias_velocity: Float64 | None


def descend(runner: Runner, training: Training) -> Descent:
    """Let the worker train; raise the violation that its answer is, if it is one."""
    case = training.case
    request, buffers = encode(case.forward())
    shape = case.output_shape
    described = Tensor.of(training.target)
    target = {"name": "target", "shape": shape, "strides": described.strides, "dtype": case.dtype}
    request["tensors"].append(target)
    request |= {
        "request": "train",
        "lr": training.lr,
        "momentum": training.momentum,
        "reduction": training.reduction,
        "schedule": training.schedule,
    }
    data = training.target.astype(DTYPES[case.dtype]).tobytes()
    expected = _shapes(training)
    _prepare(runner)
    size = sum(math.prod(shape) for shape in expected) * DTYPES[case.dtype].itemsize
    try:
        reply, returned = runner.exchange(case, request, [*buffers, data], size)
        _require_well_formed(case, reply)
        return _decode(training, expected, returned)
    except v.Violation as violation:
        violation.check = training.check
        violation.facts.setdefault("training", training.summary())
        raise


def _prepare(runner: Runner) -> None:
    """Let a new worker import torch.optim, which takes seconds: no hang limit is meant for that."""
    runner.start()
    child = runner._child
    if child is not None and child not in _PREPARED:
        # A worker that dies of it says so in the request that follows.
        with contextlib.suppress(ChannelClosed, ChannelTimeout, WireError, MemoryExceeded):
            child.ask({"request": "train", "prepare": True}, (), 0, LOAD_LIMIT)
        _PREPARED.add(child)


def _shapes(training: Training) -> list[tuple[int, ...]]:
    """Return the shapes of the buffers that an honest reply has."""
    case, steps = training.case, training.steps
    trained = [case.weight.shape] if case.bias is None else [case.weight.shape, case.bias.shape]
    velocities = [(steps, *shape) for shape in trained] if training.momentum else []
    return [(steps + 1, *shape) for shape in trained] + velocities


def _require_well_formed(case: Case, reply: Header) -> None:
    _raise_reported(case, reply)
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
        np.frombuffer(data, dtype=dtype).reshape(shape).astype(np.float64)
        for data, shape in zip(buffers, shapes, strict=True)
    ]
    if training.case.bias is None:
        arrays = [array for found in arrays for array in (found, None)]
    if not training.momentum:
        arrays += [None, None]
    weight, bias, *velocities = arrays
    assert weight is not None
    first, second = (None if u is None else np.concatenate([u[:1] * 0, u]) for u in velocities)
    return Descent(weight, bias, first, second)
