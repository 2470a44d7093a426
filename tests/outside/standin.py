r"""A device backend of its own, `standin:0`, as an author of one would bring it: by its import.

It takes torch's place for other devices, PrivateUse1, and the path that all of these take:
`aten::convolution_overrideable` and its backward. Its memory is the host's, its convolutions are
sums over taps, and every other operation is the CPU's on the same memory. Tensors are torch's own,
made by DLPack with the device of the capsule changed. Written for torch 2.13; needs no compiler.
The command that verifies it; where the entry point `torch.backends` names `autoload`, `F.conv2d`
takes the place of `conv2d`:

    pytest properties --conv2d-impl tests.outside.standin:conv2d \
        --conv2d-device standin \
        --conv2d-only "dtype=float32|float64 derivatives=first|second batch!=0" \
        --conv2d-only "mode=eager|no_grad|backward|sum-backward|retain-graph|int-arguments"
"""

from __future__ import annotations

import ctypes
from contextlib import nullcontext
from typing import Any

import torch
from torch.nn import functional
from torch.utils._pytree import tree_map
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)

from tests.outside import numpy_taps
from tests.outside.arguments import checked

Tensor = torch.Tensor
ONLY = (
    "dtype=float32|float64",
    # What is registered from Python has no random generator, no storages that move and none that
    # compile: checkpoint, pickle and compile are for backends in C++, as torch.vmap of storages is.
    "mode=eager|no_grad|backward|sum-backward|retain-graph|int-arguments",
    "derivatives=first|second",
    # torch answers an empty batch before it asks a backend, wherever the weight lies.
    "batch!=0",
)
NAME = "standin"
DLPACK = {"cpu": 1, NAME: 12}  # kDLCPU, kDLExtDev
OF_CPU = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)
VIEWS = ("as_strided", "view", "_reshape_alias", "unfold")


class Module(_DummyBackendModule):
    """`torch.standin`: one device, which has finished whatever was asked of it."""

    def synchronize(self, device: object = None) -> None:
        """Do nothing."""

    def device(self, index: object) -> nullcontext[None]:
        """Return a context in which this device is the current one: it always is."""
        return nullcontext()


def _moved(tensor: Tensor, to: str) -> Tensor:
    """Return the same memory as a tensor of another device."""
    capsule = torch._C._to_dlpack(tensor.detach())
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    # A DLTensor begins with the address of the data; the type of the device comes next.
    ctypes.c_int32.from_address(address(capsule, b"dltensor") + 8).value = DLPACK[to]
    moved: Tensor = torch._C._from_dlpack(capsule)
    return moved


def _on_host(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.device.type == NAME:
        return _moved(value, "cpu")
    if isinstance(value, torch.device) and value.type == NAME:
        return torch.device("cpu")
    return value


def _given(value: Any) -> Any:
    """Refuse what lies elsewhere, but for tensors of no dimension, which are as good as numbers."""
    if isinstance(value, torch.Tensor) and value.device.type != NAME and value.dim():
        raise RuntimeError(f"an operand lies on {value.device}, another one on {NAME}")
    return _on_host(value)


def _on_device(value: Any) -> Any:
    return _moved(value, NAME) if isinstance(value, torch.Tensor) else value


def _any(op: Any, *arguments: Any, **named: Any) -> Any:
    """Carry out any operation by the CPU's, on the same memory."""
    if op._opname in VIEWS:
        return op.redispatch(OF_CPU, *arguments, **named)
    parameters = op._schema.arguments
    passed = dict(zip((p.name for p in parameters), arguments, strict=False)) | named
    given = tree_map(_given, passed)
    written = [p.name for p in parameters if p.alias_info is not None and p.alias_info.is_write]
    for name in written:
        if not passed[name].numel():  # what it becomes needs memory, and that of DLPack cannot grow
            given[name] = torch.empty_like(passed[name], device="cpu")
    result = op.overloadpacket(**given)  # a number may have come in place of a tensor
    for name in written:
        own, there = passed[name], given[name]
        if (own.shape, own.stride()) != (there.shape, there.stride()):  # grown, or in another order
            own.data = _moved(there, NAME)
    if written:
        return passed[written[0]] if len(written) == 1 else tuple(map(passed.get, written))
    return tree_map(_on_device, result)


def _copy(target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    """Copy, from the host or to it; the source may be a lazy negation."""
    lazy = torch._neg_view if source.is_neg() else torch.Tensor.detach
    _on_host(target).copy_(lazy(_on_host(lazy(source))))
    return target


def _forward(x: Tensor, w: Tensor, b: Tensor | None, *arguments: Any) -> Tensor:
    stride, padding, dilation, transposed, more, groups = arguments
    if transposed:  # as double backward asks for: the gradient of the input, of which x is upstream
        return _transposed(x, w, stride, padding, dilation, more, groups)
    call, _ = checked(x, w, b, stride, padding, dilation, groups)
    return _moved(numpy_taps.forward(call, *map(_on_host, (x, w, b))), NAME)


def _transposed(x: Tensor, w: Tensor, *arguments: Any) -> Tensor:
    stride, padding, dilation, more, groups = arguments
    sides = zip(x.shape[2:], stride, padding, dilation, w.shape[2:], more, strict=True)
    size = [(n - 1) * s - 2 * p + d * (k - 1) + m + 1 for n, s, p, d, k, m in sides]
    image = torch.zeros(len(x), w.shape[1] * groups, *size, dtype=x.dtype)
    call, _ = checked(image, _on_host(w), None, stride, padding, dilation, groups)
    return _moved(numpy_taps.backward(call, image, _on_host(w), _on_host(x))[0], NAME)


def _backward(upstream: Tensor, x: Tensor, w: Tensor, *arguments: Any) -> tuple[Tensor | None, ...]:
    stride, padding, dilation, transposed, _, groups, asked = arguments
    if transposed:
        raise NotImplementedError("a third derivative")
    call, _ = checked(x, w, None, stride, padding, dilation, groups)
    found = numpy_taps.backward(call, *map(_on_host, (x, w, upstream)))
    return tuple(_moved(g, NAME) if a else None for g, a in zip(found, asked, strict=True))


def _register() -> list[torch.library.Library]:
    """Name the device and give it its operations, for as long as the libraries live."""
    _setup_privateuseone_for_python_backend(NAME, backend_module=Module())
    everything = torch.library.Library("_", "IMPL")
    everything.fallback(_any, "PrivateUse1")
    own = torch.library.Library("aten", "IMPL")
    own.impl("copy_", _copy, "PrivateUse1")
    own.impl("convolution_overrideable", _forward, "PrivateUse1")
    own.impl("convolution_backward_overrideable", _backward, "PrivateUse1")
    return [everything, own]


LIBRARIES = _register()


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *arguments: Any) -> Tensor:
    """Take the arguments of `F.conv2d`; refuse what torch answers alone, an operand on meta."""
    checked(x, weight, bias, *arguments)
    return functional.conv2d(x, weight, bias, *arguments)


def autoload() -> None:
    """Be named as the entry point `torch.backends`: `import torch` then imports this module."""
