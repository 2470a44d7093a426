"""Array-likes and torch tensors become NumPy arrays, without an import of torch.

Floating-point operands become float64, which holds every value of the narrower formats. Integer
operands become int64, whose arithmetic is that of the integers modulo 2^64; uint64 is read through
a view, so that its values keep their residues. Arrays and tensors of one call are all of one kind,
as torch demands; numbers and lists are untyped, and are read as float64 beside a float.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
ArrayLike = Any

SUPPORTED = "a floating-point type of at most 64 bits or an integer type"


class Operand(NamedTuple):
    """An argument whose shape and kind are known, and whose elements are not read yet."""

    name: str
    value: Any
    shape: tuple[int, ...]
    dtype: str
    is_float: bool
    is_typed: bool


def read(name: str, value: ArrayLike) -> Operand:
    """Return the shape and kind of an argument; copies nothing that has a shape already."""
    if is_tensor(value):
        is_float = bool(value.is_floating_point())
        dtype = str(value.dtype).removeprefix("torch.")
        if not is_float and ("int" not in dtype or dtype.startswith("q")):
            raise ValueError(f"`{name}` has dtype {dtype} instead of {SUPPORTED}")
        return Operand(name, value, tuple(value.shape), dtype, is_float, True)
    is_typed = hasattr(value, "dtype")
    if not isinstance(value, np.ndarray):
        try:
            value = np.asarray(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"`{name}` cannot be read as an array: {error}") from error
    kind = value.dtype.kind
    # The kind of bfloat16 and the 8-bit floats of the package ml_dtypes is "V".
    is_float = kind == "f" or (kind == "V" and "float" in value.dtype.name)
    if not (is_float and value.dtype.itemsize <= 8) and kind not in "iu":
        raise ValueError(f"`{name}` has dtype {value.dtype.name} instead of {SUPPORTED}")
    return Operand(name, value, value.shape, value.dtype.name, is_float, is_typed)


def convert(operands: Sequence[Operand]) -> list[Array]:
    """Return the elements as C-contiguous arrays, all float64 or all int64."""
    floats = [operand for operand in operands if operand.is_float]
    if not floats:
        return [_integers(operand) for operand in operands]
    for operand in operands:
        if operand.is_typed and not operand.is_float:
            raise ValueError(
                f"`{operand.name}` has dtype {operand.dtype}, but `{floats[0].name}` has"
                f" dtype {floats[0].dtype}"
            )
    return [as_float64(operand) for operand in operands]


def as_float64(operand: Operand) -> FloatArray:
    """Return the elements as float64; refuses integers that float64 does not hold."""
    array = _numpy(operand)
    result = np.ascontiguousarray(array, dtype=np.float64)
    if not operand.is_float and np.any(np.abs(result) > 2.0**53):
        raise ValueError(f"`{operand.name}` has integers above 2**53, which float64 does not hold")
    return result


def is_tensor(value: object) -> bool:
    """Tell whether the value is a torch tensor, by its type's module and methods."""
    return hasattr(value, "is_floating_point") and hasattr(value, "detach")


def check_memory(needed: int, what: str) -> None:
    """Refuse, before any allocation, a call that this machine's memory cannot hold."""
    available = _physical_memory()
    if needed > available:
        raise ValueError(
            f"{what} needs {needed / 1e9:.3g} GB, but this machine has {available / 1e9:.3g} GB"
        )


@cache
def _physical_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _integers(operand: Operand) -> Array:
    """Return integer elements as int64; values from 2^63 on keep their residue modulo 2^64."""
    array = np.ascontiguousarray(_numpy(operand))
    return array.view(np.int64) if array.dtype == np.uint64 else array.astype(np.int64, copy=False)


def _numpy(operand: Operand) -> Array:
    """Return a NumPy array; a tensor comes from its device, its graph and its lazy views."""
    if not is_tensor(operand.value):
        array: Array = operand.value
        return array
    try:
        tensor = operand.value.detach().cpu().resolve_neg()
        array = (tensor.double() if operand.is_float else tensor).numpy()
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"`{operand.name}` cannot be read as an array: {error}") from error
    return array
