"""`Step`: a call as one of several, made in memory that they share; with a JSON form."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from properties.case import Case

LOGGED = 1000


@dataclass(frozen=True)
class Step:
    """A call, where its operands lie, and what happens round it.

    place      calls of one place and of the same form find their operands in the same memory, in
               the same tensors, and are made of the same operation (of a module: the same layer);
               None: memory of its own
    overwrite  the last output, which is its caller's, is written to before the call
    between    a call of the same form whose forward pass runs before the backward pass of this one
    """

    case: Case
    place: int | None = None
    overwrite: bool = False
    between: Case | None = None

    def __post_init__(self) -> None:
        if self.between is not None and form(self.between) != form(self.case):
            raise ValueError("`between` is a call of another form")

    @property
    def calls(self) -> tuple[Case, ...]:
        """The calls that are made."""
        return (self.case,) if self.between is None else (self.case, self.between)

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back to an equal step."""
        between = None if self.between is None else self.between.to_json()
        rest = {"place": self.place, "overwrite": self.overwrite, "between": between}
        return {**rest, "case": self.case.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Step:
        """Return the step that `to_json` wrote; ValueError or KeyError for other data."""
        between = data["between"]
        place = None if data["place"] is None else int(data["place"])
        return cls(
            Case.from_json(data["case"]),
            place,
            bool(data["overwrite"]),
            None if between is None else Case.from_json(between),
        )


@dataclass(frozen=True)
class Calls:
    """A drawn sequence of calls; its `key` tells it from every other one."""

    steps: tuple[Step, ...]

    @cached_property
    def key(self) -> str:
        """Sixteen hexadecimal digits that identify the sequence."""
        text = json.dumps([step.to_json() for step in self.steps], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Log:
    """The last calls that a process has made; each sequence among them has places of its own."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque(maxlen=LOGGED)
        self._count = 0
        self._places: dict[int, int] = {}

    def begin(self) -> None:
        """Take further places for others than those so far."""
        self._places = {}

    def add(self, step: Step) -> None:
        """Note a call, without the arrays that it holds by now."""
        self._count += 1
        place = step.place
        if place is not None:
            place = self._places.setdefault(place, self._count)
        self._steps.append(replace(step, case=replace(step.case), place=place))

    def clear(self) -> None:
        """Forget the calls: the process is a new one."""
        self._steps.clear()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The calls in order."""
        return tuple(self._steps)


def check_of(steps: Sequence[Step]) -> dict[str, Any]:
    """Return the check (of `properties.replay`) that makes these calls in order again."""
    return {"kind": "sequence", "steps": [step.to_json() for step in steps]}


def steps_of(check: Mapping[str, Any]) -> tuple[Step, ...]:
    """Return the steps of such a check; ValueError if there are none."""
    steps = tuple(Step.from_json(data) for data in check["steps"])
    if not steps:
        raise ValueError("`steps` is empty")
    return steps


def described(steps: Sequence[Step]) -> str:
    """Return a line for each step: what differs from the call before at its place."""
    lines, latest, seen = [], dict[int | None, Case](), dict[Case, int]()
    for number, step in enumerate(steps, 1):
        text = _change(latest.get(step.place), step, seen.get(step.case))
        seen.setdefault(step.case, number)
        text += ", the last output overwritten before" if step.overwrite else ""
        text += ", backward after another forward" if step.between is not None else ""
        lines.append(f"{number}. {text}")
        if step.place is not None:
            latest[step.place] = step.case
    return "\n".join(lines)


def form(case: Case) -> tuple[Any, ...]:
    """Return all of a call but the values: calls of one form fit in the same memory."""
    tensors = {name: (tensor.shape, tensor.strides) for name, tensor in case.tensors.items()}
    return tensors, case.params, case.dtype, case.gradients, case.derivative


def _change(before: Case | None, step: Step, same: int | None) -> str:
    if before is None or form(before) != form(step.case):
        return f"in new memory: {f'call {same} again' if same else step.case.summary()}"
    tensors = step.case.tensors
    renewed = [name for name, tensor in before.tensors.items() if tensor != tensors[name]]
    now = "" if before.mode == step.case.mode else f", mode {step.case.mode}"
    if not renewed:
        return f"the same call in the same memory{now}"
    return f"in the same memory, new values of {', '.join(renewed)}{now}"
