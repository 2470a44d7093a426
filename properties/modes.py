"""Modes: other ways of making the same call, of which the same result is owed.

Runs in the worker process only, like `properties.execution`, and decides nothing. How a layer
comes to its parameters is in `properties.layers`; which modes go with what is in
`properties.rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from properties import vmaps
from properties.operands import Named
from properties.vmaps import Call

Context = AbstractContextManager[Any]
THREADS = (4, 3, 2, 5)  # by the size of the input: work is split in other places by each
SLEEP = 20_000_000  # clock cycles, some 10 ms


def _plain_call(call: Call) -> Any:
    return call.operation(call.tensors["input"])


def _gradients(output: Any, leaves: Sequence[torch.Tensor], upstream: torch.Tensor) -> Any:
    return torch.autograd.grad(output, leaves, upstream, allow_unused=True)


@dataclass(frozen=True)
class Mode:
    """What a mode does otherwise; every default is the plain call.

    around     context of everything, on the device of these operands
    forward    context of the forward pass alone, on this device, in the dtype of the case
    operands   what is handed over in place of the operands
    learns     whether every operand requires a gradient, though none is asked for
    call       makes the call
    gradients  takes the gradients of the output with respect to the leaves
    """

    around: Callable[[Named], Context] = lambda tensors: nullcontext()
    forward: Callable[[torch.device, torch.dtype], Context] = lambda device, dtype: nullcontext()
    operands: Callable[[Named], Named] = lambda tensors: tensors
    learns: bool = False
    call: Callable[[Call], Any] = _plain_call
    gradients: Callable[[Any, Sequence[torch.Tensor], torch.Tensor], Any] = _gradients

    def leaves(self, tensors: Named, wanted: Sequence[str]) -> Sequence[str]:
        """Name the operands that are to require a gradient."""
        if not self.learns or _is_integer(tensors["input"]):
            return wanted
        return [name for name in ("input", "weight", "bias") if name in tensors]


@contextmanager
def _threads(tensors: Named) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS[tensors["input"].numel() % len(THREADS)])
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _deterministic(tensors: Named) -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    # On CUDA the gradients of two padding modes refuse; the convolution is asked all the same.
    torch.use_deterministic_algorithms(True, warn_only=tensors["input"].is_cuda)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


@contextmanager
def _onednn_off(tensors: Named) -> Iterator[None]:
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)


@contextmanager
def _benchmark(tensors: Named) -> Iterator[None]:
    cudnn: Any = torch.backends.cudnn
    before, cudnn.benchmark = cudnn.benchmark, True
    try:
        yield
    finally:
        cudnn.benchmark = before


@contextmanager
def _stream(tensors: Named) -> Iterator[None]:
    device = tensors["input"].device
    stream, outer = torch.cuda.Stream(device), torch.cuda.current_stream(device)
    stream.wait_stream(outer)
    with torch.cuda.stream(stream):
        yield
    outer.wait_stream(stream)


def _late(tensors: Named) -> Named:
    """Return copies that are written late on the current stream: a kernel on another reads NaN."""
    copies = {
        name: torch.full_like(tensor, float("nan") if not _is_integer(tensor) else 0)
        for name, tensor in tensors.items()
    }
    torch.cuda.synchronize()
    torch.cuda._sleep(SLEEP)
    return {name: copies[name].copy_(tensor) for name, tensor in tensors.items()}


def _is_integer(tensor: torch.Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex())


def _in_float32(tensors: Named) -> Named:
    """Return the operands in float32, which holds them exactly; grad_output is the output's."""
    return {n: t if n == "grad_output" else t.float() for n, t in tensors.items()}


def _functional_call(call: Call) -> Any:
    return call.bound(call.parameters())(call.tensors["input"])


def _checkpoint(call: Call) -> Any:
    from torch.utils.checkpoint import checkpoint

    return checkpoint(call.operation, call.tensors["input"], use_reentrant=False)


def _compiled(call: Call, backend: str) -> Any:
    torch._dynamo.reset()  # or the ninth call would no longer be compiled
    compiled = torch.compile(call.operation, backend=backend, dynamic=False)
    return compiled(call.tensors["input"])


def _accumulated(output: Any, leaves: Sequence[torch.Tensor], upstream: torch.Tensor) -> Any:
    output.backward(upstream)
    return [leaf.grad for leaf in leaves]


def _of_the_sum(output: Any, leaves: Sequence[torch.Tensor], upstream: torch.Tensor) -> Any:
    """Take the gradients of the sum: autograd then hands over a scalar 1, expanded."""
    output.sum().backward()
    return [leaf.grad for leaf in leaves]


def _rounded(output: Any, leaves: Sequence[torch.Tensor], upstream: torch.Tensor) -> Any:
    """Take the gradients, which are float32 as the leaves are, back to the case's own dtype."""
    found = _gradients(output, leaves, upstream)
    return [g if g is None else g.to(output.dtype) for g in found]


def _twice(output: Any, leaves: Sequence[torch.Tensor], upstream: torch.Tensor) -> Any:
    torch.autograd.grad(output, leaves, upstream, allow_unused=True, retain_graph=True)
    return _gradients(output, leaves, upstream)


PLAIN = Mode()
MODES: Mapping[str, Mode] = {
    "no_grad": Mode(forward=lambda device, dtype: torch.no_grad(), learns=True),
    "inference_mode": Mode(forward=lambda device, dtype: torch.inference_mode(), learns=True),
    "backward": Mode(gradients=_accumulated),
    "sum-backward": Mode(gradients=_of_the_sum),
    "retain-graph": Mode(gradients=_twice),
    "checkpoint": Mode(call=_checkpoint),
    "threads": Mode(around=_threads),
    "deterministic": Mode(around=_deterministic),
    "onednn-off": Mode(around=_onednn_off),
    "autocast": Mode(
        forward=lambda device, dtype: torch.autocast(device.type, dtype),
        operands=_in_float32,
        gradients=_rounded,
    ),
    "benchmark": Mode(around=_benchmark),
    "stream": Mode(around=_stream, operands=_late),
    "vmap-input": Mode(call=vmaps.over_images),
    "vmap-weight": Mode(call=vmaps.over_weights),
    "vmap-bias": Mode(call=vmaps.over_biases),
    "vmap-all": Mode(call=vmaps.over_everything),
    "functional_call": Mode(call=_functional_call),
    "compile": Mode(call=partial(_compiled, backend="aot_eager")),
    "compile-inductor": Mode(call=partial(_compiled, backend="inductor")),
}


def shortest(pair: Any) -> Any:
    """Return the number that both of a pair are, as the mode "int-arguments" writes it."""
    return pair[0] if isinstance(pair, tuple) and pair[0] == pair[1] else pair
