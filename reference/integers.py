"""Integer arithmetic: every order of summation gives the exact sum modulo a power of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reference.arguments import Array
from reference.enclosure import Enclosure


@dataclass(frozen=True)
class Modular:
    """The integers modulo 2**bits, by their representatives in two's complement or from 0 on.

    Addition and multiplication modulo 2**bits are those of a ring, so the result of a kernel that
    wraps at any step is the exact sum, wrapped.
    """

    name: str
    bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 63 + self.signed:
            raise ValueError(f"`bits`={self.bits} does not fit int64")

    def wrap(self, exact: Array) -> Array:
        """Return int64 values modulo 2**bits."""
        if self.bits == 64:
            return exact
        low, half = exact & (2**self.bits - 1), 2 ** (self.bits - 1)
        wrapped: Array = (low ^ half) - half if self.signed else low  # extends the sign
        return wrapped

    def enclose(self, exact: Array) -> Enclosure:
        """Return the enclosure of a sum that is computed modulo 2**64: its value, and radius 0."""
        if exact.dtype != np.int64:
            raise ValueError(f"{self.name} is no arithmetic of operands of type {exact.dtype}")
        mid = self.wrap(exact)
        return Enclosure(mid, np.zeros(mid.shape))


INT8 = Modular("int8", 8)
INT16 = Modular("int16", 16)
INT32 = Modular("int32", 32)
INT64 = Modular("int64", 64)
UINT8 = Modular("uint8", 8, signed=False)
