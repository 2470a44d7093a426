"""`Tensor`: shape, values and layout of one operand, with a JSON form that keeps every bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from properties.dtypes import Dtype, Exact
from properties.layouts import LAYOUTS, Placement, effective, place, refusal, settled
from properties.values import Recipe


@dataclass(frozen=True, eq=False)
class Explicit:
    """Values of a tensor, written out: a read-only array of float64, complex128 or int64."""

    array: Exact
    magnitude = math.inf  # as far as is known: see `Recipe`

    def __post_init__(self) -> None:
        array = np.array(self.array, order="C")
        if array.dtype not in (np.float64, np.complex128, np.int64):
            array = array.astype(np.float64)
        array.flags.writeable = False
        object.__setattr__(self, "array", array)

    def expand(self, shape: tuple[int, ...]) -> Exact:
        """Return the array itself; `shape` must be its own."""
        return self.array.reshape(shape)


@dataclass(frozen=True)
class Tensor:
    """Shape, values and memory layout of one operand."""

    shape: tuple[int, ...]
    values: Recipe | Explicit
    layout: str = "contiguous"

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f"`layout`={self.layout!r} is not one of {', '.join(LAYOUTS)}")
        if any(extent < 0 for extent in self.shape):
            raise ValueError(f"`shape`={self.shape} has a negative extent")
        if rule := refusal(self.layout, len(self.shape), "complex"):
            raise ValueError(f"`layout`={self.layout!r} of shape {self.shape}: {rule}")

    @classmethod
    def of(cls, array: Exact, layout: str = "contiguous") -> Tensor:
        """Return a tensor with the values of `array` written out.

        Contiguous where elements that differ would share their place.
        """
        possible = not refusal(layout, array.ndim, "complex")
        if not (possible and np.array_equal(settled(array, layout), array, equal_nan=True)):
            layout = "contiguous"
        return cls(array.shape, Explicit(array), layout)

    def expand(self, dtype: Dtype) -> Exact:
        """Return the exact values, rounded to `dtype` once."""
        if dtype.kind == "complex" and isinstance(self.values, Recipe):
            real, imaginary = self.values.expand((2, *self.shape))
            values = real + 1j * imaginary
        else:
            values = self.values.expand(self.shape)
        values = settled(values, self.layout)
        return values if dtype.name == "float64" else dtype.rounded(values)

    @property
    def placement(self) -> Placement:
        """Where the elements lie in memory."""
        return place(self.shape, self.layout)

    @property
    def strides(self) -> tuple[int, ...]:
        """Strides in elements, as torch computes them."""
        return self.placement.strides

    @property
    def effective_layout(self) -> str:
        """The layout by what it does to a tensor of this shape."""
        return effective(self.shape, self.layout)

    def to_json(self) -> dict[str, Any]:
        """Return shape, layout and the recipe or the values as hexadecimal floats."""
        if isinstance(self.values, Recipe):
            recipe = self.values
            values: Any = {"kind": recipe.kind, "seed": recipe.seed, "exponent": recipe.exponent}
        else:
            values = [written(v) for v in self.values.array.ravel().tolist()]
        return {"shape": list(self.shape), "layout": self.layout, "values": values}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tensor:
        """Return the tensor that `to_json` wrote; ValueError or KeyError for anything else."""
        shape, values = tuple(int(extent) for extent in data["shape"]), data["values"]
        if isinstance(values, Mapping):
            return cls(shape, Recipe(**values), data["layout"])
        try:
            array = np.array([read(v) for v in values] or [0.0][:0])
        except OverflowError as error:
            raise ValueError(f"`values` holds a number beyond 64 bits: {error}") from error
        return cls(shape, Explicit(array.reshape(shape)), data["layout"])


def written(value: complex) -> Any:
    """Return a number as JSON keeps it: hexadecimal floats, a pair if complex, plain integers."""
    if isinstance(value, complex):
        return [value.real.hex(), value.imag.hex()]
    return value.hex() if isinstance(value, float) else value


def read(value: Any) -> complex:
    """Return the number that `written` wrote."""
    if isinstance(value, list):
        real, imaginary = map(float.fromhex, value)
        return complex(real, imaginary)
    return float.fromhex(value) if isinstance(value, str) else int(value)
