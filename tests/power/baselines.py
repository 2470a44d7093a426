"""The mutants against other test sets, each in a child process that may crash."""

from __future__ import annotations

import copy
import importlib
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from typing import Any

from tests.mutants import Mutant

METHODS = ("opinfo", "onnx", "uniform")
STOCK = "torch.nn.functional:conv2d"
Record = dict[str, Any]


def run(tasks: list[tuple[str, Mutant, int]]) -> Iterator[tuple[str, Mutant, int, Record]]:
    """Yield method, mutant, seed and what was found; a child that crashes found nothing."""
    pool = ProcessPoolExecutor(1, get_context("spawn"))
    for method, mutant, seed in tasks:
        try:
            record = pool.submit(measure, method, mutant.target, seed).result()
        except BrokenProcessPool:
            record = {"by": None, "kind": "crash", "cases": 0, "seconds": 0.0}
            pool = ProcessPoolExecutor(1, get_context("spawn"))
        yield method, mutant, seed, record
    pool.shutdown()


def alarm(method: str) -> bool:
    """Tell whether a method finds a fault in torch's own convolution: then it says nothing."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, method, STOCK, 0).result()["by"] is not None


def measure(method: str, target: str, seed: int) -> Record:
    """Return which sample of a method finds an implementation first, counted from 1."""
    import torch

    torch.set_num_threads(1)
    module, _, name = target.partition(":")
    began = time.monotonic()
    loaded = importlib.import_module(module)
    if module.startswith("tests.mutants."):
        importlib.reload(loaded)  # it forgets what earlier calls left behind
    conv2d = functional(getattr(loaded, name))
    samples = _samples(method, seed)
    for number, sample in enumerate(samples, 1):
        if differs(conv2d, sample, seed):
            seconds = round(time.monotonic() - began, 1)
            return {"by": method, "kind": "value", "cases": number, "seconds": seconds}
    seconds = round(time.monotonic() - began, 1)
    return {"by": None, "kind": None, "cases": len(samples), "seconds": seconds}


@cache
def _samples(method: str, seed: int) -> tuple[Any, ...]:
    from tests.power import samples

    warnings.simplefilter("ignore")  # onnx computes all its cases; torch pads for even kernels
    return tuple(getattr(samples, method)(seed))


def functional(target: Any) -> Callable[..., Any]:
    """Return a function like `F.conv2d` of a function or of a subclass of `nn.Conv2d`."""
    import torch

    if not isinstance(target, type):
        return target  # type: ignore[no-any-return]

    def conv2d(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        channels = weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:])
        layer = target(*channels, stride, padding, dilation, groups, bias is not None)
        tensors = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        return torch.func.functional_call(layer, tensors, (input,))

    return conv2d


def differs(conv2d: Callable[..., Any], sample: Any, seed: int) -> bool:
    """Tell whether a result is rejected, a valid call raises, or one that must raise does not."""
    import torch

    try:
        found = evaluate(conv2d, sample, seed)
    except Exception:
        return not sample.refused
    if sample.refused:
        return True
    right = evaluate(torch.nn.functional.conv2d, sample, seed)
    if sample.expected is not None:
        right["output"] = sample.expected
    rtol, atol = sample.tolerance or (None, None)
    try:
        for name, value in right.items():
            torch.testing.assert_close(found[name], value, rtol=rtol, atol=atol, equal_nan=True)
    except AssertionError:
        return True
    return False


def evaluate(conv2d: Callable[..., Any], sample: Any, seed: int) -> dict[str, Any]:
    """Return output and gradients of a sample, on operands of its own."""
    import torch

    operands = copy.deepcopy(sample.operands)
    for name in sample.gradients:
        operands[name].requires_grad_()
    output = conv2d(
        operands["input"], operands["weight"], operands.get("bias"), **sample.parameters
    )
    results = {"output": output}
    if sample.gradients:
        upstream = torch.randn(output.shape, generator=torch.Generator().manual_seed(seed))
        leaves = [operands[name] for name in sample.gradients]
        gradients = torch.autograd.grad(output, leaves, upstream.to(output.dtype))
        results |= zip(sample.gradients, gradients, strict=True)
    return {name: tensor.detach() for name, tensor in results.items()}
