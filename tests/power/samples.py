"""The calls that others test convolutions with: PyTorch's OpInfo, ONNX's node tests, chance."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch

from properties import facts
from properties.case import Case
from properties.domain import FACTORS, pair_of
from properties.dtypes import REAL
from properties.layouts import refusal
from properties.stock import stock_defects
from properties.tensors import Tensor as Described
from properties.values import Recipe
from reference import Conv2dParams
from tests.calls import placed

Tensor = torch.Tensor
UNIFORM = 300


@dataclass(frozen=True)
class Sample:
    """One call: operands by name, parameters, and how its results are judged.

    `operands` may hold a `grad_output`, of the output's shape; without one it is random.
    `gradients` names the operands whose gradients count too; `expected` is the output that a test
    brings along, None for that of torch; `tolerance` None for `assert_close`'s own. `refused` tells
    that the call must raise.
    """

    operands: dict[str, Tensor]
    parameters: dict[str, Any] = field(default_factory=dict)
    gradients: tuple[str, ...] = ()
    expected: Tensor | None = None
    tolerance: tuple[float, float] | None = None
    refused: bool = False


def opinfo(seed: int) -> Iterator[Sample]:
    """Yield what PyTorch's own tests call `conv2d` with: samples, the same strided, and errors."""
    from torch.testing._internal.common_methods_invocations import op_db

    torch.manual_seed(seed)
    entry: Any = next(op for op in op_db if op.name == "nn.functional.conv2d")
    for dtype in (getattr(torch, name) for name in REAL):
        for sample in entry.sample_inputs("cpu", dtype, requires_grad=True):
            for each in (sample, sample.noncontiguous()):
                operands = _named(each.input, *each.args)
                yield Sample(operands, each.kwargs, tuple(operands))
    for error in entry.error_inputs("cpu"):
        sample = error.sample_input
        yield Sample(_named(sample.input, *sample.args), sample.kwargs, refused=True)


def _named(*operands: Tensor | None) -> dict[str, Tensor]:
    names = ("input", "weight", "bias")
    found = zip(names, operands, strict=False)
    return {name: tensor.detach() for name, tensor in found if tensor is not None}


def onnx(seed: int) -> Iterator[Sample]:
    """Yield ONNX's node tests of Conv with their expected outputs and the tolerances of each."""
    from onnx.backend.test.case.node import collect_testcases

    cases: list[Any] = collect_testcases("Conv")
    for case in cases:
        if case.model is None or case.model.graph.node[0].op_type != "Conv":
            continue
        values = {a.name: a for a in case.model.graph.node[0].attribute}
        lists = {name: tuple(a.ints) for name, a in values.items() if a.ints}
        stride = lists.get("strides", (1, 1))
        for inputs, outputs in case.data_sets:
            operands = _named(*(torch.tensor(array) for array in inputs))
            x = operands["input"]
            pads = lists.get("pads", (0, 0, 0, 0))
            if "auto_pad" in values:
                pads = _same_lower(x.shape[2:], stride, operands["weight"].shape[2:])
            padding = pads[:2]
            if pads[:2] != pads[2:]:
                # No argument of F.conv2d: written into the input.
                operands["input"] = torch.nn.functional.pad(x, (pads[1], pads[3], *pads[::2]))
                padding = (0, 0)
            yield Sample(
                operands,
                {"stride": stride, "padding": padding},
                expected=torch.tensor(outputs[0]),
                tolerance=(case.rtol, case.atol),
            )


def _same_lower(
    size: Sequence[int], stride: Sequence[int], kernel: Sequence[int]
) -> tuple[int, ...]:
    """Return top, left, bottom, right for ceil(size / stride) outputs, the odd one at the start."""
    missing = [
        max((-(-n // s) - 1) * s + k - n, 0) for n, s, k in zip(size, stride, kernel, strict=True)
    ]
    return (*(m - m // 2 for m in missing), *(m // 2 for m in missing))


def uniform(seed: int) -> Iterator[Sample]:
    """Yield random calls, uniform over the axes that the suite draws from: normal, float32."""
    yield from map(sample, cases(seed))


def cases(seed: int) -> Iterator[Case]:
    """Yield those calls as the suite describes them.

    Calls that torch's own known defects meet on this build are drawn anew: in them torch raises,
    reads memory that nobody wrote, or damages the heap, and is no measure of anything.
    """
    chance = random.Random(seed)
    known = [d for d in stock_defects(facts.build() | facts.flags("cpu")) if not d.edits]
    drawn = iter(lambda: _random(chance), None)
    yield from islice((c for c in drawn if not any(d.covers(c) for d in known)), UNIFORM)


def _random(chance: random.Random) -> Case:
    def pick(factor: str) -> str:
        return chance.choice(FACTORS[factor])

    def tensor(*shape: int) -> Described:
        layout = pick("layout")
        if refusal(layout, len(shape), "floating"):
            layout = "contiguous"
        return Described(shape, Recipe("normal", chance.getrandbits(32)), layout)

    kernel = (chance.randint(1, 8), chance.randint(1, 8))
    padding, stride, dilation = pick("padding"), pair_of(pick("stride")), pair_of(pick("dilation"))
    stride = (1, 1) if padding == "same" else stride
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    named: dict[str, Any] = {"same": "same", "valid": "valid", "kernel": tuple(reach)}
    form, shared, multiplier = pick("groups"), chance.randint(1, 9), chance.randint(1, 9)
    groups = {"1": 1, "2": 2}.get(form) or chance.randint(2, 7)
    if form in ("depthwise", "multiplier"):
        shared, multiplier = 1, 1 if form == "depthwise" else chance.randint(2, 3)
    p = Conv2dParams(stride, named.get(padding) or pair_of(padding), dilation, groups)
    size = []
    for axis, pads in enumerate(p.pads(kernel)):
        extent = (chance.randint(1, 17) - 1) * stride[axis] + reach[axis] - sum(pads)
        size.append(max(extent + chance.randrange(stride[axis]), reach[axis] - sum(pads), 1))
    batch, passes = pick("batch"), pick("passes").split("+")
    images = () if batch == "unbatched" else (int(batch),)
    x = tensor(*images, groups * shared, *size)
    w = tensor(groups * multiplier, shared, *kernel)
    b = tensor(groups * multiplier) if pick("bias") == "yes" or "bias" in passes else None
    case = Case(x, w, b, p)
    if passes == ["forward"]:
        return case
    return case.replace(gradients=tuple(passes), grad_output=tensor(*case.output_shape))


def sample(case: Case) -> Sample:
    """Return the sample that a call in float32 is, with each operand in its layout."""
    p = case.params
    operands = {
        name: placed(case.arrays[name], tensor.layout, torch.float32)
        for name, tensor in case.tensors.items()
    }
    parameters = {"stride": p.stride, "padding": p.padding, "dilation": p.dilation}
    return Sample(operands, {**parameters, "groups": p.groups}, case.gradients)


def fresh(t: Tensor) -> Tensor:
    """Return a copy in memory of its own with the same strides, offset and view of negatives."""
    if t.is_neg():  # a copy would be of the values
        return torch._neg_view(fresh(torch._neg_view(t)))
    return copy.deepcopy(t)
