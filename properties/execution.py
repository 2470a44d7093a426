"""The torch half of the worker: builds tensors, calls the implementation, reads back raw bytes.

Runs in the worker process only, beside the implementation. Nothing here decides anything: it
reports what happened, and the parent judges.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import torch

from properties import derivatives, layers
from properties.facts import flags, is_registered, opened, synchronize
from properties.failures import described
from properties.layers import Blueprint
from properties.modes import MODES, PLAIN, shortest
from properties.operands import DTYPES, Named, Operands, Operation, Place
from properties.outputs import Output, Outputs, is_plain, read_bytes, span
from properties.vmaps import Call
from properties.wire import Header


class Executor:
    """Holds the implementation and carries out requests on one device."""

    def __init__(self, device: str) -> None:
        self.awaited = None if is_registered(device) else device  # comes with the implementation
        self.device = torch.device("cpu" if self.awaited else device)
        self.target: Any = None
        self.is_module = False
        self.outputs = Outputs()
        self.places: dict[int, Place] = {}  # of the sequence of calls at hand
        self.threads = self.own_threads = _threads()

    def load(self, module: str, name: str) -> Header:
        """Import the implementation and tell whether it is a function or an nn.Module class."""
        try:
            target: Any = attrgetter(name)(importlib.import_module(module))
            if not callable(target):
                raise TypeError(f"{module}:{name} is a {type(target).__name__}, not callable")
            found = opened(self.awaited) if self.awaited else {}
        except Exception as error:
            return {"unloadable": f"{type(error).__name__}: {error}"}
        self.target, self.outputs, self.places = target, Outputs(), {}
        self.device = torch.device(self.awaited or self.device)
        self.is_module = isinstance(target, type) and issubclass(target, torch.nn.Module)
        self.threads = _threads()
        form = "module" if self.is_module else "function"
        return {"form": form, "flags": found | flags(self.device.type)}

    def run(self, request: Header, buffers: Sequence[memoryview]) -> tuple[Header, list[bytes]]:
        """Carry out one call and describe everything that a judge may ask."""
        late = self.outputs.written(self._may_be_written())
        if request["overwrite"]:
            self.outputs.overwrite()
        count = len(request["tensors"])
        (place, operands), between = self._place(request, buffers[:count]), None
        if request["between"]:
            between = Operands(request["between"], buffers[count:], self.device).tensors
        began = time.perf_counter()
        try:
            results = self.call(request, place, between)
            self.synchronize()
        except BaseException as error:
            return {"late": late, **self.describe(error)}, []
        seconds = time.perf_counter() - began
        aliases = self._aliases(results["output"], operands.spans)
        returned, data = self._encode(results, request)
        own_late = False
        before, self.threads = self.threads, _threads()
        if request["settle"] or self.threads > before:
            time.sleep(max(request["settle"], 0.05))
            written = self.outputs.written(everything=True)
            own_late = written == request["number"]
            late = late or (0 if own_late else written)
        reply = {"returned": returned, "changed": operands.changed(), "aliases": aliases}
        return {**reply, "late": late, "own_late": own_late, "seconds": seconds}, data

    def synchronize(self) -> None:
        """Wait until the device has done what was asked of it, on every stream."""
        if self.device.type != "cpu":
            synchronize(self.device)

    def build(self, request: Header, tensors: Named) -> Operation:
        """Return the operation as a function of its input; weight and bias are bound."""
        plan, mode = self.blueprint(request, tensors), request["mode"]
        if not self.is_module:
            return plan.function()
        layer = layers.build(plan, mode)
        if mode != "functional_call":
            # The parameter is a new leaf, often over the same memory: gradients are asked of it.
            tensors["weight"], tensors["bias"] = layer.weight, layer.bias
        return layer  # type: ignore[no-any-return]

    def _place(self, request: Header, buffers: Sequence[memoryview]) -> tuple[Place, Operands]:
        """Return a place with these values: a kept one, filled anew, or one of its own."""
        if request["begin"]:
            self.places.clear()
        parts = ("tensors", "params", "gradients", "derivative")
        form = {name: request[name] for name in parts}
        # Training and validation call one layer, with grad mode on and off.
        form["mode"] = "eager" if request["mode"] == "no_grad" else request["mode"]
        place = self.places.get(request["place"])
        if place is not None and place.form == form and place.operands is not None:
            place.operands.refill(buffers)
            return place, place.operands
        operands = Operands(request["tensors"], buffers, self.device)
        place = Place(form, dict(operands.tensors), operands)
        if request["place"] is not None:
            self.places[request["place"]] = place
        return place, operands

    def blueprint(self, request: Header, tensors: Named) -> Blueprint:
        """Return the implementation and all that it is called or built with but the input."""
        p, mode = request["params"], request["mode"]
        stride, dilation, groups = tuple(p["stride"]), tuple(p["dilation"]), p["groups"]
        padding = p["padding"] if isinstance(p["padding"], str) else tuple(p["padding"])
        kernel = tuple(tensors["weight"].shape[2:])
        if mode == "int-arguments":
            stride, padding, dilation, kernel = map(shortest, (stride, padding, dilation, kernel))
        weight = tensors["weight"]
        arguments = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "bias": tensors.get("bias") is not None,
            "padding_mode": p["padding_mode"],
            "device": self.device,
        }
        sizes = (weight.shape[1] * groups, weight.shape[0], kernel)
        return Blueprint(self.target, sizes, arguments, tensors)

    def prepare(self, request: Header) -> Header:
        """Have torch import and compile what a mode needs, on a tiny convolution of its own."""
        other = Executor(str(self.device))
        other.target = torch.nn.Conv2d if self.is_module else torch.nn.functional.conv2d
        other.is_module = self.is_module
        dtype = torch.bfloat16 if request["mode"] == "autocast" else torch.float32
        made = {
            name: torch.ones(1, 1, 1, 1, dtype=dtype, device=self.device)
            for name in ("input", "weight", "grad_output")
        }
        passes = [] if request["mode"] in ("no_grad", "inference_mode") else ["weight"]
        params = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
        params["padding_mode"] = "zeros"
        with contextlib.suppress(Exception):  # the call itself will tell
            other.call({**request, "params": params, "gradients": passes}, Place({}, made))
        return {}

    def call(self, request: Header, place: Place, between: Named | None = None) -> dict[str, Any]:
        """Make the call in its mode; return the output and each derivative asked for, by name.

        With operands for a call `between`, that is made before the gradients are asked for.
        """
        mode, wanted = MODES.get(request["mode"], PLAIN), request["gradients"]
        dtype, bind = place.leaves["input"].dtype, partial(self.build, request)
        with mode.around(place.leaves):
            if place.operation is None:
                place.leaves = mode.operands(place.leaves)
                for name in mode.leaves(place.leaves, wanted):
                    place.leaves[name].requires_grad_()
                place.operation = bind(place.leaves)
            operation, tensors = place.operation, place.leaves
            if request["derivative"] == "second":
                return dict(derivatives.second(operation, tensors))
            if request["derivative"] == "forward-mode":
                return dict(derivatives.forward_mode(operation, tensors, bind))
            if request["derivative"] == "per-sample":
                return dict(derivatives.per_sample(operation, tensors, bind))
            with mode.forward(self.device, dtype):
                output = mode.call(Call(operation, bind, tensors))
            if between is not None:
                self._also(request, operation, between)
            results: dict[str, Any] = {"output": output}
            if wanted and isinstance(output, torch.Tensor):
                leaves = [tensors[name] for name in wanted]
                found = mode.gradients(output, leaves, tensors["grad_output"])
                results.update(zip(wanted, found, strict=True))
            return results

    def _also(self, request: Header, operation: Operation, tensors: Named) -> None:
        """Make another forward pass; a layer is applied twice, with the parameters it has."""
        for name in request["gradients"]:
            tensors[name].requires_grad_()
        other = operation if self.is_module else self.build(request, tensors)
        other(tensors["input"])

    def _encode(self, results: dict[str, Any], request: Header) -> tuple[Header, list[bytes]]:
        described: Header = {}
        data: list[bytes] = []
        for name, value in results.items():
            entry: Header = {"type": type(value).__name__}
            if is_plain(value):
                entry["shape"], entry["strides"] = value.shape, value.stride()
                entry["dtype"] = str(value.dtype).removeprefix("torch.")
                entry["device"] = value.device.type
                fits = value.numel() * value.itemsize + sum(map(len, data)) <= request["limit"]
                if value.device.type != "meta" and value.dtype in DTYPES.values() and fits:
                    entry["buffer"] = len(data)
                    data.append(read_bytes(value))
                    if name == "output":
                        own = Output(request["number"], value.detach(), data[-1], span(value))
                        self.outputs.add(own)
            described[name] = entry
        return described, data

    def _aliases(self, output: Any, operands: dict[str, tuple[int, int]]) -> list[str]:
        """Name what shares memory with the output: operands, or "an earlier output"."""
        if not is_plain(output) or output.device.type == "meta" or output.numel() == 0:
            return []
        low, high = span(output)
        spans = operands.items()
        names = {name for name, (start, end) in spans if low < end and start < high}
        if earlier := self.outputs.overlapping(low, high):
            names.add("an earlier output")
            self.outputs.forget(earlier)  # or each further call would tell of it as a late write
        return sorted(names)

    def _may_be_written(self) -> bool:
        """Tell whether somebody is there who could write to any output that was ever returned."""
        return self.device.type != "cpu" or self.threads > self.own_threads

    def describe(self, error: BaseException) -> Header:
        """Return the reply for a call that raised."""
        return described(error, self.device, self.synchronize)


def _threads() -> int:
    """Return the number of threads; a directory's link count tells more quickly than its list."""
    try:
        return os.stat("/proc/self/task").st_nlink - 2  # noqa: PTH116 - once per call: be quick
    except OSError:
        return 0
