"""Tensor values from a few bytes: a kind and a seed, expanded by a counter hash.

Element `i` of a tensor depends on (kind, seed, i) alone and is computed in integer arithmetic, so
that judge, worker and reproduction script, on every version of NumPy and torch, see the same bits.
The hash is splitmix64 (Steele, Lea & Flood, OOPSLA 2014) evaluated at a counter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
MOST_EXPONENT = 1074  # of the smallest float64, 2^-1074
UInt64 = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Recipe:
    """Values of a tensor: `kind` (a key of `KINDS`), `seed` >= 0, all scaled by 2**`exponent`."""

    kind: str
    seed: int = 0
    exponent: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"`kind`={self.kind!r} is not one of {', '.join(KINDS)}")
        if self.kind == "words" and self.exponent:
            raise ValueError(f"`exponent`={self.exponent} does not go with words of an integer")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"`seed`={self.seed} is outside [0, 2**32)")
        if abs(self.exponent) > MOST_EXPONENT:
            raise ValueError(f"`exponent`={self.exponent} is beyond those of float64")

    def expand(self, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return the array of this shape: float64, of words int64."""
        size = math.prod(shape)
        values = KINDS[self.kind](counter_hash(self.seed, size), self.seed).reshape(shape)
        return np.ldexp(values, self.exponent) if self.exponent else values

    @property
    def magnitude(self) -> int:
        """An exponent: no element is larger than 2**magnitude."""
        if self.kind == "words":
            return 63
        return self.exponent + (int(self.kind[4:]) if self.kind.startswith("wide") else 2)

    def at(self, index: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the elements at flat indices (P,) of a tensor of any size, however large.

        A ValueError of kinds whose elements depend on each other.
        """
        if self.kind in DEPENDENT:
            raise ValueError(f"elements of `kind`={self.kind!r} are not computed one by one")
        values = KINDS[self.kind](hash_at(self.seed, index.astype(np.uint64)), self.seed)
        return np.ldexp(values, self.exponent) if self.exponent else values


def counter_hash(seed: int, size: int) -> UInt64:
    """Return 64 hashed bits for each counter 0..size-1: splitmix64 of a stream picked by `seed`."""
    return hash_at(seed, np.arange(size, dtype=np.uint64))


def hash_at(seed: int, counters: UInt64) -> UInt64:
    """Return 64 hashed bits for each counter."""
    # Python ints, because a NumPy scalar would warn of the wrap-around that is wanted here.
    start = np.uint64((seed + 1) * 0xD1B54A32D192ED03 & 0xFFFFFFFFFFFFFFFF)
    z = (counters + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + start
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _field(bits: UInt64, low: int, width: int) -> Float64:
    field = (bits >> np.uint64(low)) & np.uint64((1 << width) - 1)
    return field.astype(np.float64)


def _signs(bits: UInt64, seed: int) -> Float64:
    return 1.0 - 2.0 * _field(bits, 0, 1)


def _integers(bits: UInt64, seed: int) -> Float64:
    # Never zero: a term that a kernel drops must change the sum.
    return _signs(bits, seed) * (1.0 + _field(bits, 8, 2))


def _wide(width: int, bits: UInt64, seed: int) -> Float64:
    top = 2.0 ** (width - 1) + 1.0
    return _signs(bits, seed) * (top + 2.0 * _field(bits, 8, width - 2))


def _words(bits: UInt64, seed: int) -> npt.NDArray[np.int64]:
    return bits.view(np.int64)


def _normal(bits: UInt64, seed: int) -> Float64:
    # Three 20-bit uniforms make a bell; the top 4 bits alone are reused to fill the significand.
    bell = _field(bits, 4, 20) + _field(bits, 24, 20) + _field(bits, 44, 20) - 1.5 * 2.0**20
    low = _field(bits * np.uint64(0x9E3779B97F4A7C15), 34, 30)
    return (bell + low * 2.0**-30) * 2.0**-19


def _cancelling(bits: UInt64, seed: int) -> Float64:
    # Neighbours (2j, 2j+1) nearly cancel: what remains is 2**-11 of either.
    head = np.repeat(1.0 + _field(bits[::2], 8, 20) * 2.0**-20, 2)[: bits.size]
    tail = _field(bits, 30, 20) * 2.0**-31
    alternate = np.where(np.arange(bits.size) % 2 == 0, 1.0, -1.0)
    return alternate * (head + tail)


def _sparse(bits: UInt64, seed: int) -> Float64:
    return np.where(_field(bits, 0, 3) == 0.0, _normal(bits, seed), 0.0)


def _few(bits: UInt64, seed: int) -> Float64:
    # About 8 nonzero, however large: a product then is one of a few, which bounds it tightly.
    share = (bits * np.uint64(0xBF58476D1CE4E5B9)) >> np.uint64(32)
    return np.where(share * np.uint64(bits.size) < np.uint64(8 << 32), _normal(bits, seed), 0.0)


def _onehot(bits: UInt64, seed: int) -> Float64:
    values = np.zeros(bits.size)
    if bits.size:
        values[int(counter_hash(seed, 1)[0]) % bits.size] = 1.0
    return values


def _ones(bits: UInt64, seed: int) -> Float64:
    return np.ones(bits.size)


KINDS: dict[str, Callable[[UInt64, int], npt.NDArray[Any]]] = {
    "integers": _integers,  # +-1 .. +-4
    "signs": _signs,  # +-1
    # Odd, with so many bits: 13 are rounded by TF32, float16 and bfloat16, 27 by float32.
    **{f"wide{width}": partial(_wide, width) for width in range(4, 53)},
    "words": _words,  # all bits of an integer dtype, which keeps as many as it has
    "normal": _normal,  # bell-shaped, about unit variance, all bits of a float64 in use
    "cancelling": _cancelling,
    "sparse": _sparse,  # one element in eight is nonzero
    "few": _few,  # so are about eight in all
    "onehot": _onehot,
    "ones": _ones,
}
DEPENDENT = ("cancelling", "few", "onehot")  # on a neighbour, or on the tensor's size
