"""Every way to make a valid call invalid that this suite knows, as a list of `Edit`.

Each is invalid by the definition, not by one implementation's choice; but for an image without rows
or columns, of which padding could make a result: torch refuses it on every path ("Only zero batch
or zero channel inputs are supported"), and so must what stands in for it. Left out is what torch
documents loosely or takes in good faith: a tuple of one stride for both axes, bytes for a string,
integral floats and bools (torch refuses them, Python kernels need not), zero in_channels, and
strides of any size, which are valid however large (`properties.test_edges`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from properties.case import Case
from properties.dtypes import DTYPES
from properties.invalid import CONSTRUCTOR, Edit, Invalid, alone

HUGE, LARGEST = 2**62, 2**63 - 1
MAX_ELEMENTS = 2**16  # of an operand that is made larger than the call's own


def edits(case: Case, form: str, device: str) -> list[Edit]:
    """Return the edits that make this call of a "function" or "module" on a device invalid."""
    found = [*_pairs(case), *_padding(case), *_dilation(case), *_groups(case)]
    if form == "module":
        found += [*_padding_modes(case), *_constructor()]
    found += [*_input(case), *_weight(case), *_bias(case)]
    found += [*_dtypes(case), *_devices(case, device), *_no_tensors(case, form)]
    return found


def chosen(case: Case, form: str, device: str, numbers: Sequence[int]) -> tuple[Invalid, ...]:
    """Return the call with one edit, with another one, and with the first and a third.

    Of two edits one is wrong whatever the other does, so that they cannot make up for each other.
    """
    found = edits(case, form, device)
    first, second = (_numbered(found, number) for number in numbers[:2])
    others = [e for e in found if e.target != first.target and (e.alone or first.alone)]
    pair = first, _numbered(others, numbers[2])
    return Invalid(case, (first,)), Invalid(case, (second,)), Invalid(case, pair)


def _numbered(found: list[Edit], number: int) -> Edit:
    """Return an edit, so that every name is as likely, however many edits have it."""
    names = list(dict.fromkeys(edit.name for edit in found))
    number, place = divmod(number, len(names))
    alike = [edit for edit in found if edit.name == names[place]]
    return alike[number % len(alike)]


def _values(name: str, target: str, *values: Any) -> list[Edit]:
    return [Edit(name, target, "value", value) for value in values]


def _pairs(case: Case) -> Iterator[Edit]:
    """Yield what no stride, padding or dilation may be."""
    for target in ("stride", "padding", "dilation"):
        plain = getattr(case.params, target)
        rows, columns = (1, 1) if isinstance(plain, str) else plain
        if target != "padding":
            yield from alone(_values(f"zero {target}", target, [0, columns], [rows, 0], 0))
        below = ([-1, columns], [rows, -1], -1, [rows, -HUGE])
        yield from alone(_values(f"negative {target}", target, *below))
        yield from alone(_values(f"length of {target}", target, [], [rows, columns, 1]))
        text = "full" if target == "padding" else "1"
        yield from alone(_values(f"type of {target}", target, 1.5, [1, 1.5], None, [None, 1], text))
        yield from alone(_values(f"{target} beyond 64 bits", target, [2**63, columns]))


def _padding(case: Case) -> Iterator[Edit]:
    p, (height, width) = case.params, case.input.shape[-2:]
    if math.prod(case.input.shape):
        # Of no image the output has no element, however large it is.
        yield from _values("huge padding", "padding", [2**31, 2**31], [HUGE, 0], [0, HUGE])
    if p.stride != (1, 1):
        yield from _values("stride with padding same", "padding", "same")
    if p.padding == "same":
        yield from _values("stride with padding same", "stride", [1, 2], [2, 1])
    if p.padding_mode in ("reflect", "circular"):
        more = p.padding_mode == "circular"
        wide = ([height + more, 0], [0, width + more])
        yield from _values("padding wider than the input", "padding", *wide)


def _dilation(case: Case) -> Iterator[Edit]:
    if case.params.padding == "same":
        return  # which pads by as much, so that the call stays valid
    for axis, kernel in enumerate(case.weight.shape[-2:]):
        if kernel == 1:
            continue
        for dilation in (2**31, HUGE if kernel > 2 else LARGEST):
            pair = [1, 1]
            pair[axis] = dilation
            overflows = dilation * (kernel - 1) + 1 > LARGEST
            yield from _values(
                f"{'overflowing' if overflows else 'huge'} dilation", "dilation", pair
            )


def _groups(case: Case) -> Iterator[Edit]:
    channels, outputs = case.input.shape[-3], case.weight.shape[0]
    yield from alone(_values("groups below 1", "groups", 0, -1, -HUGE))
    yield from alone(_values("type of groups", "groups", 1.5, None, "2", [1]))
    yield from alone(_values("groups beyond 64 bits", "groups", 2**63))
    yield from _values("huge groups", "groups", 2**31, HUGE)
    for name, extent in (("in_channels", channels), ("out_channels", outputs)):
        yield from _values(f"groups and {name}", "groups", _not_dividing(extent))


def _not_dividing(extent: int) -> int:
    return next(groups for groups in range(2, extent + 2) if extent % groups)


def _padding_modes(case: Case) -> list[Edit]:
    return alone(_values("unknown padding_mode", "padding_mode", "constant", "", None, 1))


def _constructor() -> Iterator[Edit]:
    """Yield what only a module is told; weight and bias are its own afterwards."""
    for target in CONSTRUCTOR:
        yield from alone(_values(f"negative {target}", target, -1))
        yield from alone(_values(f"type of {target}", target, 1.5, None, "3"))
        yield from alone(_values(f"huge {target}", target, HUGE))


def _shapes(name: str, target: str, shapes: Iterable[tuple[int, ...]]) -> list[Edit]:
    few = [shape for shape in shapes if math.prod(shape) <= MAX_ELEMENTS]
    return [Edit(name, target, "shape", list(shape)) for shape in few]


def _input(case: Case) -> Iterator[Edit]:
    shape, channels = case.input.shape, case.input.shape[-3]
    deeper = (1,) * (5 - len(shape)) + shape
    ranks = [(), shape[-1:], shape[-2:], deeper]
    yield from alone(_shapes("rank of input", "input", ranks))
    if math.prod(shape[:-2]):
        # Whatever padding would make of them: only a batch or channels may be empty.
        yield from alone(_shapes("no rows", "input", [_along(shape, -2, 0)]))
        yield from alone(_shapes("no columns", "input", [_along(shape, -1, 0)]))
    counts = [(*shape[:-3], other, *shape[-2:]) for other in (channels + 1, 0)]
    yield from _shapes("channels of input", "input", counts)
    if case.params.padding == "same":
        return
    smaller = [_along(shape, axis, most) for axis, most in _too_small(case) if most > 0]
    yield from _shapes("kernel larger than the input", "input", smaller)


def _weight(case: Case) -> Iterator[Edit]:
    shape = case.weight.shape
    ranks = [shape[:0], shape[:1], shape[:2], shape[:3], (*shape, 1)]
    yield from alone(_shapes("rank of weight", "weight", ranks))
    empty = [(*shape[:2], 0, shape[3]), (*shape[:3], 0)]
    yield from alone(_shapes("empty kernel", "weight", empty))
    yield from alone(_shapes("no out_channels", "weight", [(0, *shape[1:])]))
    yield from _shapes("channels of weight", "weight", [(shape[0], shape[1] + 1, *shape[2:])])
    if case.params.groups > 1:
        yield from _shapes("groups and out_channels", "weight", [(shape[0] + 1, *shape[1:])])
    if case.params.padding != "same":
        sizes = zip((-2, -1), case.input.shape[-2:], case.params.pads(shape[-2:]), strict=True)
        larger = [_along(shape, axis, size + sum(pads) + 1) for axis, size, pads in sizes]
        yield from _shapes("kernel larger than the input", "weight", larger)


def _bias(case: Case) -> Iterator[Edit]:
    if case.bias is None:
        return
    count = case.weight.shape[0]
    lengths = [(other,) for other in dict.fromkeys((count + 1, 1, 0)) if other != count]
    yield from _shapes("length of bias", "bias", lengths)
    ranks = [(), (1, count), (count, 1), (1, count, 1, 1)]
    yield from alone(_shapes("rank of bias", "bias", ranks))


def _too_small(case: Case) -> Iterator[tuple[int, int]]:
    """Yield, along each axis, the largest extent of an input that is too small for the kernel."""
    p, kernel = case.params, case.weight.shape[-2:]
    for axis, size, dilation, pads in zip(
        (-2, -1), kernel, p.dilation, p.pads(kernel), strict=True
    ):
        yield axis, dilation * (size - 1) - sum(pads)


def _along(shape: tuple[int, ...], axis: int, extent: int) -> tuple[int, ...]:
    changed = list(shape)
    changed[axis] = extent
    return tuple(changed)


def _operands(case: Case) -> list[str]:
    return [name for name in ("input", "weight", "bias") if name in case.tensors]


def _dtypes(case: Case) -> Iterator[Edit]:
    for target in _operands(case):
        for other in DTYPES:
            if other != case.dtype:
                yield Edit(f"dtype of {target}", target, "dtype", other)


def _devices(case: Case, device: str) -> Iterator[Edit]:
    for target in _operands(case):
        for other in ("meta", "cpu"):
            if other != device:
                yield Edit(f"{target} on {other}", target, "device", other)


def _no_tensors(case: Case, form: str) -> Iterator[Edit]:
    """Yield other things in a tensor's place; a module's parameters are always tensors."""
    for target in ("input",) if form == "module" else ("input", "weight", "bias"):
        # No bias is a valid one.
        values = [1.5, [[1.0]], *([] if target == "bias" else [None])]
        yield from alone(_values(f"{target} is no tensor", target, *values))
