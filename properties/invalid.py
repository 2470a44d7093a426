"""`Invalid`: a call that every convolution must refuse, as a valid `Case` and edits of it.

An edit is plain data. It replaces an argument by any value that JSON has, or an operand by one of
another shape, dtype or device, or by no tensor at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from properties.case import GRADIENTS, Case
from properties.dtypes import DTYPES
from properties.layouts import refusal
from properties.tensors import Tensor
from properties.values import Recipe

CONSTRUCTOR = ("in_channels", "out_channels", "kernel_size")  # of modules, beside those of a Case
ARGUMENTS = ("stride", "padding", "dilation", "groups", "padding_mode", *CONSTRUCTOR)
ONES = Recipe("ones")  # whatever the values of the call were, every dtype has these
KINDS = ("value", "shape", "dtype", "device")


@dataclass(frozen=True)
class Edit:
    """One change of a valid call.

    name    what is wrong with the changed call, as a known defect names it
    target  the argument or operand that is changed
    kind    what of it: "value", of operands also "shape", "dtype" and "device"
    to      its new value as JSON has it; where it is a list torch gets a tuple
    alone   it is wrong whatever the other arguments are, so that no other edit can mend it
    """

    name: str
    target: str
    kind: str
    to: Any
    alone: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if self.target not in (*ARGUMENTS, *GRADIENTS):
            raise ValueError(f"`target`={self.target!r} is no argument of conv2d")
        if self.kind not in KINDS or (self.kind != "value" and self.target in ARGUMENTS):
            raise ValueError(f"`kind`={self.kind!r} does not go with {self.target}")

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back to an equal edit."""
        return {"name": self.name, "target": self.target, "kind": self.kind, "to": self.to}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Edit:
        """Return the edit that `to_json` wrote; ValueError for anything else."""
        try:
            return cls(str(data["name"]), str(data["target"]), str(data["kind"]), data["to"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an edit: {type(error).__name__} {error}") from error

    def __str__(self) -> str:
        shown = tuple(self.to) if isinstance(self.to, list) else self.to
        if self.kind == "value":
            return f"{self.target}={shown!r}"
        return f"{self.target} of {self.kind} {shown}"


@dataclass(frozen=True)
class Invalid:
    """A valid call and the edits, at least one, that make it invalid."""

    case: Case
    edits: tuple[Edit, ...]

    def __post_init__(self) -> None:
        if not self.edits:
            raise ValueError("`edits` is empty: the call is valid")
        for edit in self.edits:
            if edit.kind in ("shape", "dtype", "device") and edit.target not in self.case.tensors:
                raise ValueError(f"the call has no {edit.target} that could be changed")

    @property
    def arguments(self) -> dict[str, Any]:
        """All arguments of the invalid call, those of a module's constructor included."""
        weight, groups = self.case.weight.shape, self.case.params.groups
        layer = (weight[1] * groups, weight[0], weight[2:])
        plain = {**self.case.arguments, **dict(zip(CONSTRUCTOR, layer, strict=True))}
        return plain | {e.target: e.to for e in self.edits if e.target in ARGUMENTS}

    @property
    def ones(self) -> dict[str, tuple[Tensor, str]]:
        """The operands that have another shape or dtype, and that dtype: all of them are ones.

        Another shape is contiguous, and so is a layout that the other dtype does not have.
        """
        found = {}
        for edit in self.edits:
            if edit.kind == "shape":
                found[edit.target] = (Tensor(tuple(edit.to), ONES), self.case.dtype)
            elif edit.kind == "dtype":
                before = self.case.tensors[edit.target]
                rule = refusal(before.layout, len(before.shape), DTYPES[edit.to].kind)
                layout = "contiguous" if rule else before.layout
                found[edit.target] = (Tensor(before.shape, ONES, layout), edit.to)
        return found

    def put(self, kind: str) -> dict[str, Any]:
        """Return what operands are replaced by after they were made: a "device", or a "value"."""
        return {e.target: e.to for e in self.edits if e.kind == kind and e.target in GRADIENTS}

    def __str__(self) -> str:
        return " and ".join(map(str, self.edits))


def check_of(calls: Sequence[Invalid]) -> dict[str, Any]:
    """Return what a violation tells `replay` of these invalid calls, made one after another."""
    edits = [[edit.to_json() for edit in call.edits] for call in calls]
    return {"kind": "refuse", "calls": edits}


def calls_of(case: Case, check: Mapping[str, Any]) -> tuple[Invalid, ...]:
    """Return the invalid calls that `check_of` was given; ValueError for anything else."""
    try:
        return tuple(Invalid(case, tuple(map(Edit.from_json, edits))) for edits in check["calls"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not invalid calls: {type(error).__name__} {error}") from error


def names_of(check: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the edits that a violation's check speaks of, none for a valid call."""
    return tuple(str(edit["name"]) for edits in check.get("calls", ()) for edit in edits)


def alone(edits: Iterable[Edit]) -> list[Edit]:
    """Return the edits marked as wrong whatever the other arguments are."""
    return [replace(edit, alone=True) for edit in edits]
