"""Makes the hand-made `Call`s of the mutants, on torch itself and on a mutant, and compares."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from properties.values import Recipe
from reference import Conv2dParams
from tests.mutants import Call

Tensor = torch.Tensor
Tensors = dict[str, Tensor]
REFUSED = (RuntimeError, ValueError, TypeError, IndexError, ZeroDivisionError)


def compare(target: Callable[..., Any], call: Call) -> list[str]:
    """Make the calls with both; return the differences in result, aliasing and inputs."""
    if call.before is not None and compare(target, call.before):
        return ["the call before differs already"]
    found: list[str] = []
    earlier: list[Tensor] = []
    tensors = operands(call, 0)
    for number in range(call.calls):
        fresh = operands(call, 0 if call.repeat else number)
        if number:
            # Later calls find their values at the addresses of the first, as in training.
            for name, value in fresh.items():
                tensors[name].data.copy_(value)
        right = outcome(F.conv2d, call, fresh)
        wrong = outcome(target, call, {name: t.detach() for name, t in tensors.items()})
        if right.keys() != wrong.keys():
            return [f"{' '.join(right)}, not {' '.join(wrong)}"]
        found += [name for name, value in right.items() if not same(value, wrong[name])]
        found += [f"{name} was written" for name in fresh if not same(fresh[name], tensors[name])]
        memory = {tensor.untyped_storage().data_ptr() for tensor in [*tensors.values(), *earlier]}
        if "output" in wrong and wrong["output"].untyped_storage().data_ptr() in memory:
            found.append("the output is not its own")
        earlier += [wrong["output"]] if "output" in wrong else []
    return found


def same(left: Tensor, right: Tensor) -> bool:
    """Tell whether two tensors are of one form and equal, a NaN to a NaN."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return bool(((left == right) | (left.isnan() & right.isnan())).all())


def _inside(t: Tensor, shape: tuple[int, ...], *place: Any) -> Tensor:
    """Return the values of `t` as a part of a larger tensor of zeros."""
    part: Tensor = t.new_zeros(shape)[place]
    part.copy_(t)
    return part


def _slice(t: Tensor) -> Tensor:
    return _inside(t, (t.shape[0], t.shape[1] + 1, *t.shape[2:]), slice(None), slice(1, None))


def _of_a_volume(t: Tensor) -> Tensor:
    return _inside(t, (*t.shape[:2], 3, *t.shape[2:]), slice(None), slice(None), 1)


def _channels_last(t: Tensor) -> Tensor:
    # Not `contiguous`: one channel is contiguous in either format, and would be left alone.
    return torch.empty_like(t, memory_format=torch.channels_last).copy_(t)


def _channel_slice(t: Tensor) -> Tensor:
    n, c, h, w = t.shape
    return _channels_last(t.new_zeros(n, c + 1, h, w))[:, :c].copy_(t)


def _odd(t: Tensor) -> Tensor:
    steps = [1000 if n == 1 else step for n, step in zip(t.shape, t.stride(), strict=True)]
    return t.as_strided(t.shape, steps)


def _offset(t: Tensor) -> Tensor:
    return t.new_zeros(t.numel() + 1)[1:].view(t.shape).copy_(t)


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "channels_last": _channels_last,
    "channel slice": _channel_slice,
    "slice": _slice,
    "steps": lambda t: _inside(t, (*t.shape[:-1], 2 * t.shape[-1]), ..., slice(None, None, 2)),
    "of a volume": _of_a_volume,
    "every second image": lambda t: _inside(t, (t.shape[0], 2, *t.shape[1:]), slice(None), 1),
    "channels swapped": lambda t: t.transpose(0, 1).contiguous().transpose(0, 1),
    "rows swapped": lambda t: t.mT.contiguous().mT,
    "expanded": lambda t: t[:1].clone().expand_as(t),
    "odd strides": _odd,
    "offset": _offset,
    "channels_last offset": lambda t: _offset(t.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
}


def operands(call: Call, seed: int) -> Tensors:
    """Return the operands of a call, distinct for each seed."""
    shapes: dict[str, tuple[int, ...]] = {"input": call.x, "weight": call.w}
    if call.bias:
        shapes["bias"] = (call.bias_size or call.w[0],)
    if call.gradients:
        params = Conv2dParams(call.stride, call.padding, call.dilation, call.groups)
        spatial = params.output_size(call.x[-2:], call.w[-2:])
        shapes["grad_output"] = (*call.x[:-3], call.w[0], *spatial)
    layouts = dict(text.partition(":")[::2] for text in call.layouts)
    made = {}
    for i, (name, shape) in enumerate(shapes.items()):
        values = Recipe(call.kind, 16 * seed + i, call.exponent).expand(shape)
        dtype = call.weight_dtype if name == "weight" and call.weight_dtype else call.dtype
        made[name] = torch.from_numpy(values).to(getattr(torch, dtype))
    for name, index, value in call.special:
        made[name].view(-1)[index] = value
    for name, layout in layouts.items():
        made[name] = LAYOUTS[layout or "channels_last"](made[name])
    return made


def outcome(target: Callable[..., Any], call: Call, tensors: Tensors) -> Tensors:
    """Return the results of one call, or "refused" alone if it raises."""
    try:
        return results(target, call, tensors)
    except REFUSED:
        if not _is_invalid(call):
            raise
        return {"refused": torch.tensor(True)}


def _is_invalid(call: Call) -> bool:
    """Tell whether torch itself refuses a call."""
    try:
        results(F.conv2d, call, operands(call, 0))
    except REFUSED:
        return True
    return False


def layer_of(cls: Any, call: Call, tensors: Tensors) -> Any:
    """Return a layer of this class that has the call's parameters, weight and bias."""
    form = (call.w[1] * call.groups, call.w[0], call.w[2:], call.stride, call.padding)
    bias = tensors.get("bias")
    layer = cls(*form, call.dilation, call.groups, bias is not None, call.mode)
    layer.weight = torch.nn.Parameter(tensors["weight"])
    if bias is not None:
        layer.bias = torch.nn.Parameter(bias)
    return layer


def results(target: Callable[..., Any], call: Call, tensors: Tensors) -> Tensors:
    """Return the output and the gradients of one call of a function or a layer."""
    for name in call.gradients:
        tensors[name].requires_grad_()
    if call.derivative != "first":
        return derivatives(target, call, tensors)
    if call.mode != "zeros" and not isinstance(target, type):
        target = torch.nn.Conv2d
    if isinstance(target, type):
        output = layer_of(target, call, tensors)(tensors["input"]).detach()
    else:
        output = CONTEXTS[call.context](target, call, tensors)
    if call.gradients:
        return {"output": output} | gradients(call, output, tensors)
    return {"output": output}


def gradients(call: Call, output: Tensor, tensors: Tensors) -> Tensors:
    """Return the gradients asked for, in the way that the context tells."""
    leaves = [tensors[name] for name in call.gradients]
    if call.context == "twice":
        torch.autograd.grad(output, leaves, tensors["grad_output"], retain_graph=True)
    ways = (output.sum(), None) if call.context == "sum" else (output, tensors["grad_output"])
    found = torch.autograd.grad(ways[0], leaves, ways[1])
    return {f"gradient of {n}": g for n, g in zip(call.gradients, found, strict=True)}


def _plain(target: Callable[..., Any], call: Call, tensors: Tensors) -> Tensor:
    rest = (call.stride, call.padding, call.dilation, call.groups)
    output: Tensor = target(tensors["input"], tensors["weight"], tensors.get("bias"), *rest)
    return output


def _within(context: Callable[[], Any]) -> Callable[..., Tensor]:
    def run(target: Callable[..., Any], call: Call, tensors: Tensors) -> Tensor:
        with context():
            return _plain(target, call, tensors)

    return run


def _vmap(target: Callable[..., Any], call: Call, tensors: Tensors) -> Tensor:
    """Return the outputs for two inputs and two weights, mapped over both."""

    def one(x: Tensor, w: Tensor) -> Tensor:
        return _plain(target, call, {**tensors, "input": x, "weight": w})

    pairs = [torch.stack([tensors[name], -tensors[name]]) for name in ("input", "weight")]
    output: Tensor = torch.func.vmap(one)(*pairs)
    return output


CONTEXTS: dict[str, Callable[..., Tensor]] = {
    "": _within(contextlib.nullcontext),
    "no_grad": _within(torch.no_grad),
    "inference_mode": _within(torch.inference_mode),
    "vmap": _vmap,
    "sum": _plain,
    "twice": _plain,
}


def derivatives(target: Callable[..., Any], call: Call, tensors: Tensors) -> Tensors:
    """Return the tangent along ones, or the gradients of the sum of all gradients."""
    x, w = tensors["input"], tensors["weight"]
    if call.derivative == "forward-mode":
        along = torch.ones_like(x), torch.ones_like(w)
        found: tuple[Tensor, ...] = torch.func.jvp(
            lambda a, b: target(a, b, None, call.stride, call.padding), (x, w), along
        )
        return dict(zip(("output", "tangent"), found, strict=True))
    output = target(x, w, None, call.stride, call.padding)
    first = torch.autograd.grad(output, [x, w], tensors["grad_output"], create_graph=True)
    total = first[0].sum() + first[1].sum()
    second = torch.autograd.grad(total, [x, w], materialize_grads=True)
    return {"output": output, "second input": second[0], "second weight": second[1]}
