"""Kernel recovery: gradient descent on data made with a known kernel, through an implementation.

A `Training` is the whole exercise: integer data, so that its theory (`properties.recovery_theory`)
is exact. `properties.recovery_descent` has the worker carry it out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import reference
from properties.case import Case, Tensor
from properties.dtypes import DTYPES
from properties.values import Float64

REDUCTIONS = ("sum", "mean")


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
        limit = 1 / np.finfo(DTYPES[case.dtype].stored).eps
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
        text = json.dumps(self.to_json(), sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        return f"Training({self.case.summary()}; {self.summary()}; {key})"
