"""Array-likes and torch tensors become NumPy arrays, without an import of torch.

Floating-point operands become float64, which holds every value of the narrower formats, and complex
ones complex128. Integer operands become int64, whose arithmetic is that of the integers modulo
2^64; uint64 is read through a view, so that its values keep their residues. Arrays and tensors of
one call are all of one kind, as torch demands; numbers and lists are untyped, and are read as the
widest kind beside them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
ArrayLike = Any

SUPPORTED = "an integer, floating-point or complex type of at most 64 bits a part"

Kind = Literal["integer", "floating", "complex"]
WIDTH: dict[Kind, int] = {"integer": 0, "floating": 1, "complex": 2}


class Operand(NamedTuple):
    """An argument whose shape and kind are known, and whose elements are not read yet."""

    name: str
    value: Any
    shape: tuple[int, ...]
    dtype: str
    kind: Kind
    is_typed: bool


def read(name: str, value: ArrayLike) -> Operand:
    """Return the shape and kind of an argument; copies nothing that has a shape already."""
    if is_tensor(value):
        dtype = str(value.dtype).removeprefix("torch.")
        if value.is_complex():
            return Operand(name, value, tuple(value.shape), dtype, "complex", True)
        if value.is_floating_point():
            return Operand(name, value, tuple(value.shape), dtype, "floating", True)
        if "int" not in dtype or dtype.startswith("q"):
            raise ValueError(f"`{name}` has dtype {dtype} instead of {SUPPORTED}")
        return Operand(name, value, tuple(value.shape), dtype, "integer", True)
    is_typed = hasattr(value, "dtype")
    if not isinstance(value, np.ndarray):
        try:
            value = np.asarray(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"`{name}` cannot be read as an array: {error}") from error
    kind = _kind(value.dtype)
    if kind is None:
        raise ValueError(f"`{name}` has dtype {value.dtype.name} instead of {SUPPORTED}")
    return Operand(name, value, value.shape, value.dtype.name, kind, is_typed)


def _kind(dtype: np.dtype[Any]) -> Kind | None:
    """Return the kind of a NumPy type; None if it is not supported."""
    if dtype.kind in "iu":
        return "integer"
    # The kind of bfloat16 and the 8-bit floats of the package ml_dtypes is "V".
    if dtype.kind == "f" or (dtype.kind == "V" and "float" in dtype.name):
        return "floating" if dtype.itemsize <= 8 else None
    return "complex" if dtype.kind == "c" and dtype.itemsize <= 16 else None


def convert(operands: Sequence[Operand]) -> list[Array]:
    """Return the elements as C-contiguous arrays, all int64, all float64 or all complex128."""
    widest = max(operands, key=lambda operand: WIDTH[operand.kind])
    for operand in operands:
        if operand.is_typed and operand.kind != widest.kind:
            raise ValueError(
                f"`{operand.name}` has dtype {operand.dtype}, but `{widest.name}` has"
                f" dtype {widest.dtype}"
            )
    return [_as_kind(operand, widest.kind) for operand in operands]


def convert_inexact(operands: Sequence[Operand]) -> list[Array]:
    """Return the elements as arrays of float64, or all of complex128 if any operand is complex."""
    is_complex = any(operand.kind == "complex" for operand in operands)
    return [_as_kind(operand, "complex" if is_complex else "floating") for operand in operands]


def as_dtype_of(operand: Operand, array: Array) -> Array:
    """Return the elements as int64, float64 or complex128, whichever `array` has."""
    kind = _kind(array.dtype)
    assert kind is not None
    if WIDTH[operand.kind] > WIDTH[kind]:
        raise ValueError(f"`{operand.name}` has dtype {operand.dtype} instead of {array.dtype}")
    return _as_kind(operand, kind)


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


def _as_kind(operand: Operand, kind: Kind) -> Array:
    """Return the elements in int64, float64 or complex128, which holds them."""
    array = np.ascontiguousarray(_numpy(operand)).reshape(operand.shape)  # of a scalar, too
    if kind == "integer":  # values from 2^63 on keep their residue modulo 2^64
        return (
            array.view(np.int64) if array.dtype == np.uint64 else array.astype(np.int64, copy=False)
        )
    result = array.astype(np.complex128 if kind == "complex" else np.float64, copy=False)
    if operand.kind == "integer" and np.any(np.abs(result) > 2.0**53):
        raise ValueError(f"`{operand.name}` has integers above 2**53, which float64 does not hold")
    return result


def _numpy(operand: Operand) -> Array:
    """Return a NumPy array; a tensor comes from its device, its graph and its lazy views."""
    if not is_tensor(operand.value):
        array: Array = operand.value
        return array
    try:
        tensor = operand.value.detach().cpu().resolve_neg().resolve_conj()
        if operand.kind == "floating":
            tensor = tensor.double()
        if operand.kind == "complex":
            tensor = tensor.cdouble()
        array = tensor.numpy()
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"`{operand.name}` cannot be read as an array: {error}") from error
    return array
