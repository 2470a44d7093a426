"""The dtypes of operands: which numbers they hold, how a judge holds them, how they lie in memory.

A judge holds every number exactly: real ones as float64, complex ones as complex128, integers as
int64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import reference
from reference import Format

Exact = npt.NDArray[Any]  # float64, complex128 or int64


@dataclass(frozen=True)
class Dtype:
    """A dtype of torch. `format` is that of a real number or of either part of a complex one.

    `stored` is what NumPy can hold its bytes in; bfloat16 is the upper half of a float32.
    """

    name: str
    kind: str  # "real", "complex" or "integer"
    stored: np.dtype[Any]
    format: Format | None = None

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.stored.itemsize

    @property
    def exact(self) -> np.dtype[Any]:
        """The dtype that holds its numbers exactly."""
        kinds = {"real": np.float64, "complex": np.complex128, "integer": np.int64}
        return np.dtype(kinds[self.kind])

    def rounded(self, values: Exact) -> Exact:
        """Return the nearest numbers of this dtype; integers wrap modulo 2**bits."""
        if self.format is None:
            # Integer recipes hold integers, whichever way; the cast to the stored dtype wraps.
            return values.astype(np.int64).astype(self.stored).astype(np.int64)
        if self.kind == "real":
            return self.format.round(values.astype(np.float64, copy=False))
        parts = values.astype(np.complex128).view(np.float64)
        return self.format.round(parts).view(np.complex128)

    def to_stored(self, values: Exact) -> npt.NDArray[Any]:
        """Return numbers of this dtype as they lie in memory, element by element."""
        if self.name == "bfloat16":
            return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        return values.astype(self.stored)

    def from_stored(self, data: memoryview | bytes) -> Exact:
        """Return the exact numbers in a buffer."""
        stored = np.frombuffer(data, self.stored)
        if self.name == "bfloat16":
            stored = (stored.astype(np.uint32) << 16).view(np.float32)
        return stored.astype(self.exact)


def _table() -> dict[str, Dtype]:
    formats = {
        "float32": reference.FLOAT32.output,
        "float64": reference.FLOAT64.output,
        "float16": reference.FLOAT16.output,
        "bfloat16": reference.BFLOAT16.output,
    }
    real = [
        Dtype(name, "real", np.dtype(np.uint16 if name == "bfloat16" else name), format_)
        for name, format_ in formats.items()
    ]
    parts = {"complex64": "float32", "complex128": "float64"}
    complex_ = [Dtype(n, "complex", np.dtype(n), formats[p]) for n, p in parts.items()]
    integers = ("int8", "uint8", "int16", "int32", "int64")
    return {
        dtype.name: dtype
        for dtype in (*real, *complex_, *(Dtype(n, "integer", np.dtype(n)) for n in integers))
    }


DTYPES = _table()
REAL = tuple(name for name, dtype in DTYPES.items() if dtype.kind == "real")
COMPLEX = tuple(name for name, dtype in DTYPES.items() if dtype.kind == "complex")
INTEGER = tuple(name for name, dtype in DTYPES.items() if dtype.kind == "integer")
FLOATING = REAL + COMPLEX
