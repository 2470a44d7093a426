"""The mutants against other test sets, in a child process that they may end."""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from typing import Any, Self

from tests.mutants import Mutant

METHODS = ("opinfo", "onnx", "uniform")
STOCK = "torch.nn.functional:conv2d"
# In the order of `F.conv2d`, as pairs, as the suite writes them.
PLAIN = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
Record = dict[str, Any]


def run(tasks: list[tuple[str, Mutant, int]]) -> Iterator[tuple[str, Mutant, int, Record]]:
    """Yield method, mutant, seed and what was found; a call that ends its process is found."""
    with Child() as child:
        for method, mutant, seed in tasks:
            yield method, mutant, seed, child.measure(method, mutant.target, seed)


def alarm(method: str, seeds: Iterable[int] = (0,)) -> bool:
    """Tell whether a method finds a fault in torch's own convolution: then it says nothing."""
    with Child() as child:
        return any(child.measure(method, STOCK, seed)["by"] is not None for seed in seeds)


class Child:
    """A process that measures one implementation after another, and is replaced when it ends."""

    def __init__(self) -> None:
        self._context = get_context("spawn")
        self._reached = self._context.RawValue("i", 0)
        self._start()

    def _start(self) -> None:
        """Start a process, and let it tell which sample it has come to."""
        self._pool = ProcessPoolExecutor(
            1, self._context, initializer=_tell, initargs=(self._reached,)
        )
        self._used = False

    def measure(self, method: str, target: str, seed: int) -> Record:
        """Return what `measure` does; of what ends the process the sample at which it does.

        That is 0 where it ends before the first. An end is believed of a process that has measured
        nothing else: an earlier implementation may have damaged the memory of one that has.
        """
        self._reached.value, began, used = 0, time.monotonic(), self._used
        self._used = True
        try:
            record: Record = self._pool.submit(measure, method, target, seed).result()
            return record
        except BrokenProcessPool:
            self._start()
        if used:
            return self.measure(method, target, seed)
        seconds = round(time.monotonic() - began, 1)
        cases = self._reached.value
        return {"by": method, "kind": "crash", "cases": cases, "seconds": seconds}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()


_told: list[Any] = []  # in a child: where its parent reads the number of the sample at hand


def _tell(reached: Any) -> None:
    _told.append(reached)


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
        for parent in _told:
            parent.value = number
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

    from tests.power.samples import fresh

    operands = {name: fresh(tensor) for name, tensor in sample.operands.items()}
    for name in sample.gradients:
        operands[name].requires_grad_()
    # By place, as the suite calls: a mutant need not know the names.
    arguments = (PLAIN | sample.parameters).values()
    output = conv2d(operands["input"], operands["weight"], operands.get("bias"), *arguments)
    results = {"output": output}
    if sample.gradients:
        upstream = operands.get("grad_output")
        if upstream is None:
            chance = torch.Generator().manual_seed(seed)
            upstream = torch.randn(output.shape, generator=chance)
        leaves = [operands[name] for name in sample.gradients]
        gradients = torch.autograd.grad(output, leaves, upstream.to(output.dtype))
        results |= zip(sample.gradients, gradients, strict=True)
    return {name: tensor.detach() for name, tensor in results.items()}
