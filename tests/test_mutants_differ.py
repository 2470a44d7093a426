"""Every mutant is wrong, and wrong in one way: right outside the region of its defect."""

from __future__ import annotations

import ast
import faulthandler
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from properties.attempts import attempt
from properties.case import Case, Tensor
from properties.edits import edits
from properties.execution import Executor
from properties.feasibility import OF_LAYERS
from properties.invalid import Invalid
from properties.operands import Place
from properties.refusal import REFUSALS, encode_invalid
from properties.values import Recipe
from reference import Conv2dParams
from tests import mutants
from tests.mutants import MUTANTS, PROPERTIES, Call, Mutant

# Torch says that it makes a padded copy for an even kernel; the copy is no defect.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
by_name = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


@pytest.fixture(autouse=True)
def _unwritten_memory_is_nan() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a worker
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@by_name
def test_it_is_wrong_where_its_defect_says(mutant: Mutant) -> None:
    """The triggering call shows a difference from `F.conv2d`."""
    assert differences(mutant, mutant.trigger)


@by_name
def test_it_is_right_elsewhere(mutant: Mutant) -> None:
    """A call outside the defect's region gives exactly what `F.conv2d` gives."""
    assert differences(mutant, mutant.clear) == []


def test_differences_finds_none_in_stock_torch() -> None:
    """The comparison itself raises no false alarm, on any of the triggering calls."""
    for call in {call for mutant in MUTANTS for call in (mutant.trigger, mutant.clear)}:
        assert compare(F.conv2d, call) == [], call


def test_every_property_kills_a_mutant() -> None:
    """No property lacks a mutant, no mutant lacks a killer, and no killer is misspelt."""
    assert {killer for mutant in MUTANTS for killer in mutant.killers} == set(PROPERTIES)
    assert all(mutant.killers and mutant.defect for mutant in MUTANTS)


def test_names_are_unique_and_nothing_is_unlisted() -> None:
    """Each public function or class of the mutants' modules is listed once."""
    listed = sorted(mutant.place for mutant in MUTANTS)
    folder = Path(mutants.__file__).parent
    found = []
    for path in folder.glob("*.py"):
        if path.stem in ("__init__", "catalogue", "parts") or path.stem.startswith("list_"):
            continue
        found += [
            f"{path.stem}:{node.name}"
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
        ]
    assert listed == sorted(found)
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_the_list_imports_no_torch() -> None:
    """The judge may read the list without loading what it judges."""
    code = "import sys, tests.mutants; sys.exit('torch' in sys.modules)"
    root = Path(mutants.__file__).parent.parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def differences(mutant: Mutant, call: Call) -> list[str]:
    """Return what distinguishes the mutant from stock torch on a call, state forgotten."""
    module = importlib.reload(importlib.import_module(mutant.target.partition(":")[0]))
    target = getattr(module, mutant.name)
    # Not the calls that are answered: torch's threads are not there after a fork.
    ends = mutant.fatal and call.invalid
    return compare_in_a_child(target, call) if ends else compare(target, call)


def compare_in_a_child(target: Callable[..., Any], call: Call) -> list[str]:
    """Compare in a forked process; return how it ended if it did not end well."""
    child = os.fork()
    if child == 0:
        faulthandler.disable()  # a death that is expected
        os._exit(len(compare(target, call)))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return [f"the process ended with {status}"] if status else []


def compare_invalid(target: Callable[..., Any], call: Call) -> list[str]:
    """Return what is wrong in how each of the invalid calls is refused, and with the next call."""
    x, w, b = (Tensor(shape, Recipe(call.kind, 1)) for shape in (call.x, call.w, call.w[:1]))
    case = Case(x, w, b)
    if "padding_mode" in call.invalid and not isinstance(target, type):
        target = torch.nn.Conv2d
    executor = Executor("cpu")
    executor.target, executor.is_module = target, isinstance(target, type)
    form, found = "module" if executor.is_module else "function", []
    for edit in edits(case, form, "cpu"):
        if edit.name == call.invalid:
            request, buffers = encode_invalid(Invalid(case, (edit,)))
            reply = attempt(executor, request, [memoryview(data) for data in buffers])
            if not {f"builtins.{name}" for name in REFUSALS} & set(reply.get("raised", ())):
                found.append(f"{edit} was not refused: {reply}")
            found += [f"{name} was written" for name in reply["changed"]]
            found += compare(target, replace(call, invalid=""))
    return found


def compare(target: Callable[..., Any], call: Call) -> list[str]:
    """Make the calls with both; return the differences in result, aliasing and inputs."""
    if call.invalid:
        return compare_invalid(target, call)
    found: list[str] = []
    earlier: list[torch.Tensor] = []
    if call.before is not None:
        results(target, call.before, operands(call.before, 1))
    # Later calls find their values in the tensors and in the layer of the first, as in training.
    tensors = operands(call, 0)
    held = {name: tensor.detach() for name, tensor in tensors.items()}
    made = layer_of(target, call, held) if isinstance(target, type) else target
    for number in range(call.calls):
        fresh = operands(call, 0 if call.repeat else number)
        for name in fresh:
            if number and name in call.keeps:
                fresh[name] = tensors[name].clone()
            elif number:
                tensors[name].copy_(fresh[name])
        if call.overwrite and earlier:
            earlier[-1].detach().fill_(113)
        right = results(F.conv2d, call, fresh, plain=True)
        wrong = results(made, call, held)
        found += [name for name, value in right.items() if not _same(value, wrong[name])]
        found += [f"{name} was written" for name in fresh if not _same(fresh[name], tensors[name])]
        memory = {tensor.untyped_storage().data_ptr() for tensor in [*tensors.values(), *earlier]}
        if wrong["output"].untyped_storage().data_ptr() in memory:
            found.append("the output is not its own")
        earlier.append(wrong["output"])
    return found


def operands(call: Call, seed: int) -> dict[str, torch.Tensor]:
    """Return the operands of a call, distinct for each seed."""
    shapes: dict[str, tuple[int, ...]] = {"input": call.x, "weight": call.w}
    if call.bias:
        shapes["bias"] = call.w[:1]
    if call.gradients:
        params = Conv2dParams(call.stride, call.padding, call.dilation, call.groups)
        spatial = params.output_size(call.x[-2:], call.w[-2:])
        shapes["grad_output"] = (*call.x[:-3], call.w[0], *spatial)
    made = {}
    for i, (name, shape) in enumerate(shapes.items()):
        values = Recipe(call.kind, 16 * seed + i, call.exponent).expand(shape).copy()
        placed = [value for operand, value in call.special if operand == name]
        values.reshape(-1)[: len(placed)] = placed
        made[name] = torch.from_numpy(values).to(getattr(torch, call.dtype))
        if name in call.layouts:
            made[name] = made[name].contiguous(memory_format=torch.channels_last)
    return made


def layer_of(cls: Any, call: Call, tensors: dict[str, torch.Tensor]) -> Any:
    """Return a layer of this class that has the call's parameters, weight and bias."""
    form = (call.w[1] * call.groups, call.w[0], call.w[2:], call.stride, call.padding)
    bias = tensors.get("bias")
    layer = cls(*form, call.dilation, call.groups, bias is not None, call.mode)
    layer.weight = torch.nn.Parameter(tensors["weight"])
    if bias is not None:
        layer.bias = torch.nn.Parameter(bias)
    return layer


def results(
    target: Callable[..., Any], call: Call, tensors: dict[str, torch.Tensor], plain: bool = False
) -> dict[str, torch.Tensor]:
    """Return the output and the gradients of one call of a function or a layer.

    A `plain` call is not made in the mode that is asked for.
    """
    if call.asked != "eager" or call.derivative == "per-sample":
        return executed(target, call, tensors, "eager" if plain else call.asked)
    for name in call.gradients:
        tensors[name].requires_grad_()
    if call.derivative != "first":
        return derivatives(target, call, tensors)
    if call.mode != "zeros" and not isinstance(target, torch.nn.Module):
        target = layer_of(torch.nn.Conv2d, call, tensors)
    if isinstance(target, torch.nn.Module):
        output = target(tensors["input"]).detach()
    else:
        rest = (call.stride, call.padding, call.dilation, call.groups)
        output = target(tensors["input"], tensors["weight"], tensors.get("bias"), *rest)
        if call.between:
            target(-tensors["input"], tensors["weight"], tensors.get("bias"), *rest)
    found = {"output": output}
    if call.gradients:
        leaves = [tensors[name] for name in call.gradients]
        gradients = torch.autograd.grad(output, leaves, tensors["grad_output"])
        found |= {f"gradient of {n}": g for n, g in zip(call.gradients, gradients, strict=True)}
    return found


def executed(
    target: Callable[..., Any], call: Call, tensors: dict[str, torch.Tensor], mode: str
) -> dict[str, torch.Tensor]:
    """Return what the worker returns of a call in this mode."""
    executor = Executor("cpu")
    of_layers = (mode in OF_LAYERS or call.asked == "initial") and not isinstance(target, type)
    executor.target = torch.nn.Conv2d if of_layers else target
    executor.is_module = isinstance(executor.target, type)
    params: dict[str, Any] = {
        "stride": call.stride,
        "padding": call.padding,
        "dilation": call.dilation,
    }
    params |= {"groups": call.groups, "padding_mode": call.mode}
    request: dict[str, Any] = {"mode": mode, "derivative": call.derivative, "params": params}
    if call.asked == "initial":
        torch.manual_seed(1)
        layer = executor.blueprint(request, tensors).fresh()
        return {"output": torch.cat([part.detach().flatten() for part in layer.parameters()])}
    place = Place({}, dict(tensors))
    return executor.call({**request, "gradients": call.gradients}, place)


def derivatives(
    target: Callable[..., Any], call: Call, tensors: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the tangent along ones, or the gradients of the sum of all gradients."""
    x, w = tensors["input"], tensors["weight"]
    if call.derivative == "forward-mode":
        along = torch.ones_like(x), torch.ones_like(w)
        found: tuple[torch.Tensor, ...] = torch.func.jvp(
            lambda a, b: target(a, b, None, call.stride, call.padding), (x, w), along
        )
        return dict(zip(("output", "tangent"), found, strict=True))
    output = target(x, w, None, call.stride, call.padding)
    first = torch.autograd.grad(output, [x, w], tensors["grad_output"], create_graph=True)
    total = first[0].sum() + first[1].sum()
    second = torch.autograd.grad(total, [x, w], materialize_grads=True)
    return {"output": output, "second input": second[0], "second weight": second[1]}


def _same(left: torch.Tensor, right: torch.Tensor) -> bool:
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return bool(((left == right) | (left.isnan() & right.isnan())).all())
