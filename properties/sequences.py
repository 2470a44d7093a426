"""A Hypothesis strategy for sequences of calls: what each call changes of the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from properties import known
from properties.case import OPERANDS, Case, Tensor
from properties.domain import FACTORS, active, pair_of
from properties.levels import levels
from properties.steps import Calls, Step
from properties.strategies import among, cases, grad_modes, other_cases, seeds
from properties.values import Recipe

# Half of them without gradients: what an implementation keeps, it often keeps of inference only.
PASSES = ("forward",) * 7 + FACTORS["passes"][1:]
VALUES = ("integers", "normal")  # the values of one call must not pass for those of another


@dataclass(frozen=True)
class Change:
    """What a call changes: the operands that have new values, and whether it moves to new memory.

    `touches`: one element alone is another, for this call only. `asks`: grad mode is off from now
    on, or on again, if no gradients are asked for.
    Or, in place of the call, `other`: another configuration altogether ("drawn"), the same operands
    with another stride ("stride"), as much input and padding together ("padding"), or a kernel of
    the same reach, whose taps are further apart or closer ("kernel").
    """

    renews: tuple[str, ...] = ()
    touches: bool = False
    moves: bool = False
    overwrites: bool = False
    between: bool = False
    asks: bool = False
    other: str = ""


CHANGES = {
    "the same call again": Change(),
    "new values": Change(OPERANDS),
    "a new weight": Change(("weight",)),
    "a new bias": Change(("bias",)),
    "one new element": Change(touches=True),
    "new memory": Change(moves=True),
    "new memory and values": Change(OPERANDS, moves=True),
    "the output overwritten": Change(overwrites=True),
    "backward after another forward": Change(between=True),
    "grad mode switched": Change(asks=True),
    "another stride": Change(other="stride"),
    "another padding": Change(other="padding"),
    "another kernel": Change(other="kernel"),
    "another configuration": Change(other="drawn"),
}
TWICE = ("the output overwritten", "backward after another forward", "another kernel")
NAMES = (*CHANGES, *TWICE)  # what few calls leave possible is drawn twice
LENGTHS = (1, 2, 3)  # of changes
TOUCHED = ("weight", "input")
FIRST: tuple[str, int] = ("weight", 0)


@st.composite
def sequences(draw: st.DrawFn) -> Calls:
    """Return a strategy for sequences of calls; it shrinks towards the same small call twice."""
    count = draw(among("count", LENGTHS))
    names = [draw(among(f"change {number}", NAMES)) for number in range(count)]
    changes = [CHANGES[name] for name in names]
    stride = draw(among("another stride", active().options("stride")))
    touch = draw(among("touched", TOUCHED)), draw(seeds())
    mode = draw(among("grad mode", grad_modes()))
    case = draw(cases(values=VALUES, passes=PASSES, mode=(mode,)))
    padded = [repadded(case, padding) for padding in active().options("padding")]
    dilated = [redilated(case, dilation) for dilation in active().options("dilation")]
    drawn = any(change.other == "drawn" for change in changes)
    others = {
        "stride": strided(case, stride),
        "padding": draw(st.sampled_from([c for c in padded if c is not case] or [case])),
        "kernel": draw(st.sampled_from([c for c in dilated if c is not case] or [case])),
        "drawn": draw(other_cases(values=VALUES, passes=PASSES)) if drawn else case,
    }
    return Calls(sequence(case, changes, others, touch))


def sequence(
    case: Case,
    changes: Sequence[Change],
    others: dict[str, Case],
    touch: tuple[str, int] = FIRST,
) -> tuple[Step, ...]:
    """Return the steps: the call, then what each change makes of it.

    `touch` is the operand of which an element is another, and its index, modulo their number.
    """
    places = {"": 0} | {name: -1 - index for index, name in enumerate(others)}
    steps = [Step(case, 0)]
    for number, change in enumerate(changes, 1):
        if change.other:
            steps.append(Step(others[change.other], places[change.other]))
            continue
        places[""] += change.moves
        case = asked_otherwise(case) if change.asks else renewed(case, change.renews, number)
        between = renewed(case, OPERANDS, number + len(changes)) if change.between else None
        made = touched(case, *touch) if change.touches else case
        steps.append(Step(made, places[""], change.overwrites, between))
    return tuple(steps)


def renewed(case: Case, names: Sequence[str], number: int) -> Case:
    """Return the call with other values of the same kind in these operands."""
    changes: dict[str, Any] = {}
    for name, tensor in case.tensors.items():
        if name in names and isinstance(tensor.values, Recipe):
            recipe = replace(tensor.values, seed=tensor.values.seed + (number << 20))
            changes[name] = replace(tensor, values=recipe)
    return case.replace(**changes)


def asked_otherwise(case: Case) -> Case:
    """Return the call with grad mode off, or on again; itself where that cannot be."""
    mode = {"eager": "no_grad", "no_grad": "eager"}.get(case.mode, "")
    return case if case.gradients or mode not in active().options("mode") else case.in_mode(mode)


def touched(case: Case, name: str, index: int) -> Case:
    """Return the call with 0, or 1 where it is 0, in place of one element of an operand."""
    tensor, values = case.tensors[name], case.arrays[name].copy()
    if values.size:
        values.flat[index % values.size] = values.flat[index % values.size] == 0
    return case.replace(**{name: Tensor.of(values, tensor.layout)})


def strided(case: Case, stride: str) -> Case:
    """Return the call on the same operands with another stride, or itself where that cannot be.

    Padding "same" has no stride; and a known crash is stepped round.
    """
    if case.params.padding == "same":
        return case
    plain = case.forward().replace(stride=pair_of(stride))
    if known.crashes(plain):
        return case
    if case.grad_output is None:
        return plain
    upstream = replace(case.grad_output, shape=plain.output_shape)
    return plain.replace(gradients=case.gradients, grad_output=upstream)


def repadded(case: Case, padding: str) -> Case:
    """Return the call with another padding and an input that is as much smaller or larger.

    Or itself, where there is no such input, and where a known crash is stepped round.
    """
    if not padding[0].isdigit() or isinstance(case.params.padding, str):
        return case
    pads, extent = pair_of(padding), list(case.input.shape)
    if pads == case.params.padding:
        return case
    for axis, before, now in zip((-2, -1), case.params.padding, pads, strict=True):
        extent[axis] += 2 * (before - now)
        least = {"reflect": now + 1, "circular": now}.get(case.params.padding_mode, 1)
        if extent[axis] < max(least, 1):
            return case
    image = replace(case.input, shape=tuple(extent))
    other = case.replace(input=image, padding=pads)
    return case if known.crashes(other) else other


def redilated(case: Case, dilation: str) -> Case:
    """Return the call with another dilation and a kernel whose outermost taps lie where they did.

    Or itself, where there is no such kernel, and where a known crash is stepped round.
    """
    apart = pair_of(dilation)
    *channels, rows, columns = case.weight.shape
    reaches = [d * (k - 1) for d, k in zip(case.params.dilation, (rows, columns), strict=True)]
    if apart == case.params.dilation or any(r % d for r, d in zip(reaches, apart, strict=True)):
        return case
    kernel = (r // d + 1 for r, d in zip(reaches, apart, strict=True))
    weight = replace(case.weight, shape=(*channels, *kernel))
    other = case.replace(weight=weight, dilation=apart)
    claimed = levels(other)["kernel"] in active().options("kernel")
    return case if not claimed or known.crashes(other) else other
