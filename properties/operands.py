"""The tensors of a request, in one block of memory of our own, so that any write to it shows.

Runs in the worker process only. Operands lie apart, with guard bytes before, between and behind.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from properties.outputs import read_bytes, span
from properties.wire import Header

ALIGNMENT = 64  # of torch's own allocator
GUARD = b"\x7f"  # 0x7f7f7f7f is 3.4e38: a read out of bounds cannot look harmless
APART = 4 * ALIGNMENT  # guard bytes before each operand and behind the last
DTYPES = {
    name: getattr(torch, name)
    for name in (
        *("float32", "float64", "float16", "bfloat16", "complex64", "complex128"),
        *("int8", "uint8", "int16", "int32", "int64"),
    )
}
Named = dict[str, torch.Tensor]
Operation = Callable[[torch.Tensor], Any]


class Operands:
    """`tensors` by name, as the request describes them; on the CPU they are views of the block."""

    def __init__(
        self, specs: Sequence[Header], buffers: Sequence[memoryview], device: torch.device
    ) -> None:
        shifts = [spec["shift"] * DTYPES[spec["dtype"]].itemsize for spec in specs]
        sizes = [
            -(-(shift + len(data)) // ALIGNMENT) * ALIGNMENT
            for shift, data in zip(shifts, buffers, strict=True)
        ]
        self._memory = bytearray(GUARD) * (sum(sizes) + APART * (len(sizes) + 1) + ALIGNMENT)
        address = _address(self._memory)
        offset = -address % ALIGNMENT
        self._on_cpu = device.type == "cpu"
        self._places: dict[str, tuple[int, int]] = {}
        self._flat: Named = {}
        self.tensors: Named = {}
        self.spans: dict[str, tuple[int, int]] = {}
        for spec, data, size, shift in zip(specs, buffers, sizes, shifts, strict=True):
            offset += APART
            begin = offset + shift
            self._memory[begin : begin + len(data)] = data
            name, self._places[spec["name"]] = spec["name"], (begin, len(data))
            self.tensors[name] = tensor = self._tensor(spec, begin, len(data), device)
            guarded = (address + offset - APART, address + offset + size + APART)
            self.spans[name] = guarded if self._on_cpu else span(tensor)
            offset += size
        self._original = bytes(self._memory)

    def _tensor(self, spec: Header, offset: int, size: int, device: torch.device) -> torch.Tensor:
        dtype, shape, strides = DTYPES[spec["dtype"]], spec["shape"], spec["strides"]
        if not size:
            return torch.empty_strided(shape, strides, dtype=dtype, device=device)
        count = size // dtype.itemsize
        flat = torch.frombuffer(self._memory, dtype=dtype, count=count, offset=offset)
        if not self._on_cpu:
            # The device's allocator aligns what it hands out: a shift begins further on.
            memory = torch.empty(count + spec["shift"], dtype=dtype, device=device)
            flat = memory[spec["shift"] :].copy_(flat)
        self._flat[spec["name"]] = flat
        tensor = flat.as_strided(shape, strides, flat.storage_offset() + spec["offset"])
        if spec["view"] == "conjugated":
            return tensor.conj()
        return torch._neg_view(tensor) if spec["view"] else tensor

    def refill(self, buffers: Sequence[memoryview]) -> None:
        """Give the tensors the values of another request of the same form, in place.

        By torch's own copy, as an optimizer would, so that the version counters of those that
        change tell of it, and no others.
        """
        for (name, (offset, size)), data in zip(self._places.items(), buffers, strict=True):
            if data == self._memory[offset : offset + size]:
                continue
            flat = self._flat[name]
            with torch.no_grad():
                flat.copy_(torch.frombuffer(bytearray(data), dtype=flat.dtype))
            self._memory[offset : offset + size] = data
        self._original = bytes(self._memory)

    def changed(self) -> list[str]:
        """Name the operands of which any byte differs from what was received, guards included."""
        if self._on_cpu and self._memory == self._original:
            return []
        return [name for name in self._places if self._differs(name)]

    def _differs(self, name: str) -> bool:
        offset, size = self._places[name]
        if self._on_cpu:
            around = slice(offset - APART, offset + size + APART)
            return bool(self._memory[around] != self._original[around])
        if not size:
            return False
        return read_bytes(self._flat[name]) != self._original[offset : offset + size]


@dataclass
class Place:
    """Where calls of one form find their operands, and the operation that is bound to these.

    `leaves` are the tensors that gradients are asked of, by name; the operation is made by the
    first call.
    """

    form: Header
    leaves: Named
    operands: Operands | None = None
    operation: Operation | None = None


def _address(memory: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
