"""Makes the hand-made `Call`s of the mutants, on torch itself and on a mutant, and compares.

They are made by the worker's own code, in this process, and judged by equality with torch.
"""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from properties import case, layouts
from properties.attempts import attempt
from properties.edits import edits
from properties.execution import Executor
from properties.invalid import Invalid
from properties.operands import Place
from properties.refusal import REFUSALS, encode_invalid
from properties.rules import OF_LAYERS
from properties.values import Recipe
from reference import Conv2dParams
from tests.mutants import Call

Target = Callable[..., Any]
Tensors = dict[str, torch.Tensor]
GAP = 113.0


def compare(target: Target, call: Call) -> list[str]:
    """Make the calls with both; return the differences in results, aliasing and operands."""
    if call.invalid:
        return compare_invalid(target, call)
    if call.refused:
        return compare_refused(target, call)
    if call.before is not None:
        assert compare(target, call.before) == []
    found: list[str] = []
    earlier: list[torch.Tensor] = []
    # Later calls find their values in the tensors and in the layer of the first, as in training.
    tensors = operands(call, 0)
    held = Place({}, {name: tensor.detach() for name, tensor in tensors.items()})
    for number in range(call.calls):
        fresh = operands(call, 0 if call.repeat else number)
        if number:
            _update(tensors, fresh, call)
        if call.overwrite and earlier:
            earlier[-1].detach().fill_(GAP)
        right = results(F.conv2d, call, Place({}, dict(fresh)), plain=True)
        wrong = results(target, call, held)
        found += [name for name, value in right.items() if not same(value, wrong[name])]
        found += [f"{name} was written" for name in fresh if not same(fresh[name], tensors[name])]
        if call.strides and right["output"].stride() != wrong["output"].stride():
            found.append("the output's strides")
        memory = {tensor.untyped_storage().data_ptr() for tensor in [*tensors.values(), *earlier]}
        if wrong["output"].untyped_storage().data_ptr() in memory - {0}:  # of no element
            found.append("the output is not its own")
        earlier.append(wrong["output"])
    return found


def _update(tensors: Tensors, fresh: Tensors, call: Call) -> None:
    """Write the fresh values into the tensors; those that are kept count as fresh instead."""
    for name, tensor in tensors.items():
        if name in call.keeps:
            fresh[name] = tensor.clone()
        else:
            (tensor.data if call.unseen else tensor).copy_(fresh[name])


def same(left: torch.Tensor | None, right: torch.Tensor | None) -> bool:
    """Tell whether two tensors are of one form and equal, a NaN to a NaN."""
    if left is None or right is None:
        return left is right
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return bool(((left == right) | (left.isnan() & right.isnan())).all())


def operands(call: Call, seed: int) -> Tensors:
    """Return the operands of a call, distinct for each seed."""
    shapes: dict[str, tuple[int, ...]] = {"input": call.x, "weight": call.w}
    if call.bias:
        shapes["bias"] = call.w[:1]
    along = {name: shapes[name] for name in shapes if call.derivative in ("forward-mode", "second")}
    if call.gradients:
        params = Conv2dParams(call.stride, call.padding, call.dilation, call.groups)
        spatial = params.output_size(call.x[-2:], call.w[-2:])
        shapes["grad_output"] = (*call.x[:-3], call.w[0], *spatial)
    laid = dict(text.partition(":")[::2] for text in call.layouts)
    made = {}
    for i, (name, shape) in enumerate(shapes.items()):
        ones = name == "grad_output" and call.mode == "sum-backward"
        values = Recipe("ones" if ones else call.kind, 16 * seed + i, call.exponent).expand(shape)
        values = values.copy()
        for operand, index, value in call.special:
            if operand == name:
                values.reshape(-1)[index] = value
        layout = laid.get(name, "contiguous") or "channels_last"
        made[name] = placed(values, layout, getattr(torch, call.dtype))
    made |= {f"direction_{name}": torch.ones_like(made[name]) for name in along}
    return made


def placed(values: Any, layout: str, dtype: torch.dtype) -> torch.Tensor:
    """Return a tensor of these values that lies in memory as the layout says."""
    name, _, more = layout.partition(" ")  # "channels_last offset" is no layout of the suite
    place = layouts.place(values.shape, name)
    values = -values if place.view else values  # of the negatives; real numbers have no other
    if more == "offset":
        place = replace(place, offset=3, size=place.size + 3)
    memory = np.full(place.shift + place.size, GAP)
    memory[place.shift + place.places(values.shape).ravel()] = values.ravel()
    whole = torch.from_numpy(memory).to(dtype, copy=True)
    tensor = whole.as_strided(values.shape, place.strides, place.shift + place.offset)
    return torch._neg_view(tensor) if place.view else tensor


def results(target: Target, call: Call, place: Place, plain: bool = False) -> dict[str, Any]:
    """Return the output and the derivatives of one call, as the worker makes it.

    A `plain` call is not made in the mode that is asked for.
    """
    executor, mode = _executor(target, call), "eager" if plain else call.mode
    params: dict[str, Any] = {"stride": call.stride, "padding": call.padding, "groups": call.groups}
    params |= {"dilation": call.dilation, "padding_mode": call.padding_mode}
    request = {"mode": mode, "derivative": call.derivative, "params": params}
    request["gradients"] = call.gradients
    if call.mode == "initial":
        torch.manual_seed(1)
        layer = executor.blueprint(request, place.leaves).fresh()
        return {"output": torch.cat([part.detach().flatten() for part in layer.parameters()])}
    found = executor.call(request, place, operands(call, 1) if call.between else None)
    return {name: value if value is None else value.detach() for name, value in found.items()}


def _executor(target: Target, call: Call) -> Executor:
    """Return what calls the target; in place of a function torch's layer, where there must be one.

    Of a mutant there is none that is a function and has calls of layers.
    """
    of_layers = call.mode in (*OF_LAYERS, "initial") or call.padding_mode != "zeros"
    if (of_layers or "padding_mode" in call.invalid) and not isinstance(target, type):
        target = torch.nn.Conv2d
    executor = Executor("cpu")
    executor.target, executor.is_module = target, isinstance(target, type)
    return executor


def compare_invalid(target: Target, call: Call) -> list[str]:
    """Return what is wrong in how each of the invalid calls is refused, and with the next call."""
    x, w, b = (case.Tensor(shape, Recipe(call.kind, 1)) for shape in (call.x, call.w, call.w[:1]))
    params = Conv2dParams(call.stride, call.padding, call.dilation, call.groups)
    valid = case.Case(x, w, b if call.bias else None, params)
    executor = _executor(target, call)
    form, found, tried = "module" if executor.is_module else "function", [], 0
    for edit in edits(valid, form, "cpu"):
        if edit.name == call.invalid:
            tried += 1
            request, buffers = encode_invalid(Invalid(valid, (edit,)))
            reply = attempt(executor, request, [memoryview(data) for data in buffers])
            if not {f"builtins.{name}" for name in REFUSALS} & set(reply.get("raised", ())):
                found.append(f"{edit} was not refused: {reply}")
            found += [f"{name} was written" for name in reply["changed"]]
            found += compare(target, replace(call, invalid=""))
    assert tried, f"no edit of this call is named {call.invalid}"
    return found


def compare_refused(target: Target, call: Call) -> list[str]:
    """Return what is wrong in how a call is refused that torch refuses as it is."""
    found = []
    for callee in (F.conv2d, target):
        try:
            answer = results(callee, call, Place({}, operands(call, 0)))
            found.append(f"it was not refused: {answer}")
        except (RuntimeError, ValueError):
            continue
    return found


def compare_in_a_child(target: Target, call: Call) -> list[str]:
    """Compare in a forked process; return how it ended if it did not end well."""
    child = os.fork()
    if child == 0:
        faulthandler.disable()  # a death that is expected
        os._exit(len(compare(target, call)))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return [f"the process ended with {status}"] if status else []
