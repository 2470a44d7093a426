"""A Hypothesis strategy for sequences of calls: what each call changes of the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from properties import known
from properties.case import OPERANDS, Case
from properties.domain import FACTORS, active
from properties.steps import Calls, Step
from properties.strategies import cases
from properties.values import Recipe

# Half of them without gradients: what an implementation keeps, it often keeps of inference only.
PASSES = ("forward",) * 7 + FACTORS["passes"][1:]
VALUES = ("integers", "normal")  # the values of one call must not pass for those of another


@dataclass(frozen=True)
class Change:
    """What a call changes: the operands that have new values, and whether it moves to new memory.

    Or, in place of the call, `other`: another configuration altogether ("drawn") or the same
    operands with another stride ("stride").
    """

    renews: tuple[str, ...] = ()
    moves: bool = False
    overwrites: bool = False
    between: bool = False
    other: str = ""


CHANGES = {
    "the same call again": Change(),
    "new values": Change(OPERANDS),
    "a new weight": Change(("weight",)),
    "a new bias": Change(("bias",)),
    "new memory": Change(moves=True),
    "new memory and values": Change(OPERANDS, moves=True),
    "the output overwritten": Change(overwrites=True),
    "backward after another forward": Change(between=True),
    "another stride": Change(other="stride"),
    "another configuration": Change(other="drawn"),
}
NAMES = (*CHANGES, "the output overwritten", "backward after another forward")  # what is rare twice
LENGTHS = (1, 1, 2)  # of changes


@st.composite
def sequences(draw: st.DrawFn) -> Calls:
    """Return a strategy for sequences of calls; it shrinks towards the same small call twice."""
    count = draw(st.sampled_from(LENGTHS))
    names = [draw(st.sampled_from(NAMES)) for _ in range(count)]
    changes = [CHANGES[name] for name in names]
    stride = draw(st.sampled_from(active().options("stride")))
    case = draw(cases(values=VALUES, passes=PASSES))
    drawn = any(change.other == "drawn" for change in changes)
    others = {
        "stride": strided(case, stride),
        "drawn": draw(cases(values=VALUES, passes=PASSES)) if drawn else case,
    }
    return Calls(sequence(case, changes, others))


def sequence(case: Case, changes: Sequence[Change], others: dict[str, Case]) -> tuple[Step, ...]:
    """Return the steps: the call, then what each change makes of it."""
    places = {"": 0} | {name: -1 - index for index, name in enumerate(others)}
    steps = [Step(case, 0)]
    for number, change in enumerate(changes, 1):
        if change.other:
            steps.append(Step(others[change.other], places[change.other]))
            continue
        places[""] += change.moves
        case = renewed(case, change.renews, number)
        between = renewed(case, OPERANDS, number + len(changes)) if change.between else None
        steps.append(Step(case, places[""], change.overwrites, between))
    return tuple(steps)


def renewed(case: Case, names: Sequence[str], number: int) -> Case:
    """Return the call with other values of the same kind in these operands."""
    changes: dict[str, Any] = {}
    for name, tensor in case.tensors.items():
        if name in names and isinstance(tensor.values, Recipe):
            recipe = replace(tensor.values, seed=tensor.values.seed + (number << 20))
            changes[name] = replace(tensor, values=recipe)
    return case.replace(**changes)


def strided(case: Case, stride: str) -> Case:
    """Return the call on the same operands with another stride, or itself where that cannot be.

    Padding "same" has no stride; and a known crash is stepped round.
    """
    first, _, second = stride.partition(",")
    if case.params.padding == "same":
        return case
    plain = case.forward().replace(stride=(int(first), int(second or first)))
    if known.crashes(plain):
        return case
    if case.grad_output is None:
        return plain
    upstream = replace(case.grad_output, shape=plain.output_shape)
    return plain.replace(gradients=case.gradients, grad_output=upstream)
