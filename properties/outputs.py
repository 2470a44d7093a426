"""The outputs that a worker has returned: who shares their memory, and whether they stay the same.

Runs in the worker process only, beside the implementation.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

WATCHED = 8
RECENT = 4
OVERWRITTEN = 113  # in every dtype, and hardly ever a result


@dataclass(eq=False)
class Output:
    """An output of the call of this number: its elements when the call returned, and its storage.

    `place` holds the first address of the storage and the first one after it.
    """

    number: int
    tensor: torch.Tensor
    data: bytes
    place: tuple[int, int]

    def written(self) -> bool:
        """Tell whether an element differs from what was returned."""
        return read_bytes(self.tensor) != self.data

    def overlaps(self, low: int, high: int) -> bool:
        """Tell whether its storage has an address from `low` on and below `high`."""
        return low < self.place[1] and self.place[0] < high


class Outputs:
    """Outputs that are kept so that later calls can look at them again.

    The recent ones, and the first `WATCHED` for as long as the process lives: a writer with a queue
    falls behind, and reaches these before any other.
    """

    def __init__(self) -> None:
        self._first: list[Output] = []
        self._recent: deque[Output] = deque(maxlen=RECENT)
        self._count = 0

    def __iter__(self) -> Iterator[Output]:
        return iter({output.number: output for output in (*self._first, *self._recent)}.values())

    def add(self, output: Output) -> None:
        """Keep an output that is being returned."""
        self._recent.append(output)
        self._count += 1
        if self._count <= WATCHED:
            self._first.append(output)

    def overwrite(self) -> None:
        """Write to the last output, as who owns it may; from now on that is what it holds."""
        for output in list(self._recent)[-1:]:
            # torch refuses it of one that is expanded; its owner could not do it either.
            with torch.inference_mode(), contextlib.suppress(RuntimeError):
                output.tensor.fill_(OVERWRITTEN)
            output.data = read_bytes(output.tensor)

    def written(self, everything: bool) -> int:
        """Return the number of a call whose output has changed since, 0 if none has.

        Looks at the last output only, unless `everything` is wanted: of a process without threads
        of the implementation's own nobody can have written to the others.
        """
        first = self._first if everything else []
        for output in [*first, *list(self._recent)[-1:]]:
            if output.written():
                self.forget([output])  # told once
                return output.number
        return 0

    def overlapping(self, low: int, high: int) -> list[Output]:
        """Return the outputs in whose memory these addresses lie."""
        return [output for output in self if output.overlaps(low, high)]

    def forget(self, outputs: list[Output]) -> None:
        """Keep these no longer."""
        gone = {output.number for output in outputs}
        self._first = [output for output in self._first if output.number not in gone]
        kept = [output for output in self._recent if output.number not in gone]
        self._recent = deque(kept, maxlen=RECENT)


def span(tensor: torch.Tensor) -> tuple[int, int]:
    """Return the first address of a tensor's storage, and the first one after it."""
    storage = tensor.untyped_storage()
    return storage.data_ptr(), storage.data_ptr() + storage.nbytes()


def read_bytes(tensor: torch.Tensor) -> bytes:
    """Return the elements in row-major order, as they lie in memory now."""
    # A lazy conjugate or negation would be read as if it were not there.
    plain = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
    if plain.numel() == 0:
        return b""
    return ctypes.string_at(plain.data_ptr(), plain.numel() * plain.itemsize)


def is_plain(value: Any) -> bool:
    """Tell whether this is a strided torch.Tensor, no subclass, that lies inside its storage."""
    if type(value) is not torch.Tensor or value.layout is not torch.strided:
        return False
    if value.numel() == 0 or value.device.type == "meta":
        return True
    reach = sum((n - 1) * step for n, step in zip(value.shape, value.stride(), strict=True))
    end = (value.storage_offset() + reach + 1) * value.itemsize
    return end <= value.untyped_storage().nbytes()
