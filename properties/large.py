"""Calls too large to be judged as a whole: judged at chosen elements of the output.

No operand leaves the worker, which expands recipes itself, and no output does: the elements that
come back are compared with enclosures of their own, for which the oracle hashes the operands' few
elements that they see. The cost is that of the call and of the sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from properties import violations as v
from properties.case import Case, Tensor
from properties.classes import direct
from properties.dtypes import DTYPES, Exact
from properties.expansion import KINDS
from properties.observation import raise_reported, require_form
from properties.sampling import Flat, enclose_at, judge_at, sample, unflat
from properties.subject import Subject
from properties.values import Recipe
from properties.wire import Header
from reference import Enclosure
from reference.arithmetic import Arithmetic
from reference.integers import Modular

CHECK = {"kind": "large"}
FLOOR, PER_GIB = 2.0, 60.0  # seconds that a call may take, and those for each GiB of tensors


def needed(gib: float) -> int:
    """Return the bytes to be free for calls of this size: their tensors, as much for a kernel."""
    if not 0 <= gib < math.inf:
        raise ValueError(f"`--conv2d-large`={gib} is not a size in GiB")
    return int(2 * gib * 2**30)


def require_memory(gib: float, device: str, facts: Header) -> None:
    """Raise ValueError if a device whose worker reports these facts has less."""
    have, need = facts.get("memory", 0) / 2**30, needed(gib) / 2**30
    if have < need:
        raise ValueError(
            f"`--conv2d-large`={gib:g} needs {need:g} GiB, but of {device} {have:.3g} are free"
        )


@dataclass(frozen=True)
class Hashed:
    """The elements of a tensor, computed when they are asked for."""

    tensor: Tensor
    dtype: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's extents."""
        return self.tensor.shape

    def __getitem__(
        self, index: tuple[npt.NDArray[np.int64], ...] | npt.NDArray[np.int64]
    ) -> Exact:
        """Return the elements at broadcasting arrays of indices, one for each axis."""
        axes = index if isinstance(index, tuple) else (index,)
        flat = np.zeros((), np.int64)
        for extent, axis in zip(self.shape, axes, strict=True):
            flat = flat * extent + axis
        recipe = self.tensor.values
        assert isinstance(recipe, Recipe)
        values: Exact = DTYPES[self.dtype].rounded(recipe.at(flat.ravel())).reshape(flat.shape)
        return values


@dataclass(frozen=True)
class Large:
    """A call and where its output is looked at: `places` are flat indices."""

    case: Case

    def __post_init__(self) -> None:
        kinds = {
            getattr(tensor.values, "kind", "explicit") for tensor in self.case.tensors.values()
        }
        if not kinds <= set(KINDS) or self.case.gradients:
            raise ValueError(f"a large call is one without gradients, of {KINDS}, not of {kinds}")

    @cached_property
    def places(self) -> Flat:
        """Flat indices into the output, ascending."""
        return sample(self.case.output_shape)

    @property
    def specs(self) -> list[Header]:
        """Name, shape, strides and recipe of each operand."""
        specs = []
        for name, tensor in self.case.tensors.items():
            recipe: Any = tensor.values
            values = {"recipe": [recipe.kind, recipe.seed, recipe.exponent]}
            specs.append({"name": name, "shape": tensor.shape, "strides": tensor.strides, **values})
        return specs

    @property
    def nbytes(self) -> int:
        """Bytes of the operands and of the output."""
        shapes = [tensor.shape for tensor in self.case.tensors.values()] + [self.case.output_shape]
        return DTYPES[self.case.dtype].itemsize * sum(int(np.prod(s, dtype=object)) for s in shapes)

    @property
    def seconds(self) -> float:
        """Time that the call may take."""
        return FLOOR + PER_GIB * self.nbytes / 2**30

    def enclosure(self, arithmetic: Arithmetic | Modular) -> Enclosure:
        """Return the enclosure of the elements at `places`."""
        case = self.case
        elements = {name: Hashed(tensor, case.dtype) for name, tensor in case.tensors.items()}
        return enclose_at(case, "output", direct(arithmetic), self.places, elements)


def recheck_large(subject: Subject, case: Case) -> None:
    """Make the call in the worker; raise what is violated at the chosen elements."""
    large = Large(case)
    try:
        subject.search.calls.append(case)
        observed = _observe(subject, large)
        row = subject.implementation.arithmetic(case.dtype)
        verdict = judge_at(observed, large.places, case.output_shape, large.enclosure(row))
        verdict.require(case)
        subject.search.note(verdict.used, f"{case.dtype} output")
    except v.Violation as violation:
        violation.check = dict(CHECK)
        size = math.prod(case.output_shape)
        violation.facts["looked at"] = f"{len(large.places)} of {size} elements"
        raise


def _observe(subject: Subject, large: Large) -> Exact:
    """Return the elements that came back."""
    case, dtype = large.case, DTYPES[large.case.dtype]
    request = {
        "request": "large",
        "tensors": large.specs,
        "params": case.arguments,
        "mode": case.mode,
        "dtype": case.dtype,
        "shape": case.output_shape,
        "places": unflat(large.places, case.output_shape).tolist(),
    }
    limit = len(large.places) * dtype.itemsize
    reply, data = subject.runner.exchange(case, request, (), limit, large.seconds)
    try:
        raise_reported(case, reply)
        device = subject.implementation.device.partition(":")[0]
        require_form(case, "output", dict(reply["returned"]), case.output_shape, device)
        observed = dtype.from_stored(data[0])
        if observed.shape != large.places.shape:
            raise ValueError(f"{observed.shape} elements came back")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        subject.runner.fresh()
        raise v.ReplyViolation("the worker's reply is not that to a large call", case) from error
    return observed
