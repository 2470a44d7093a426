"""Which results see infinities and NaN among the operands, and which see them times zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import reference
from properties.case import Case
from properties.dtypes import Exact
from reference.padding import fold_array

Mask = npt.NDArray[np.bool_]
Count = npt.NDArray[np.float64]
Map = Callable[[Exact, Exact], Exact]


class Reading(NamedTuple):
    """What infinities and NaN are multiplied by: zeros in the data, padding rows and columns."""

    zeros: bool
    rows: bool
    columns: bool


READINGS = tuple(Reading(*each) for each in product((True, False), repeat=3))


@dataclass(frozen=True)
class Sight:
    """Which elements see a NaN, infinities of either sign, and either of them times a zero.

    Of complex elements `nan` are those of which no part may be finite; `unclear` are those that see
    the special part of one factor by one part of the other alone: nothing is claimed of them.
    `either` see the rows and columns that make uneven padding, which torch adds before the call.
    """

    nan: Mask
    up: Mask
    down: Mask
    zeros: Mask
    rows: Mask
    columns: Mask
    corners: Mask
    either: Mask
    unclear: Mask

    @classmethod
    def of(cls, shape: tuple[int, ...], **masks: Mask) -> Sight:
        """Return these masks; nothing else is seen anywhere."""
        none = np.zeros(shape, np.bool_)
        return cls(**{field.name: masks.get(field.name, none) for field in fields(cls)})

    def __or__(self, other: Sight) -> Sight:
        """Return what sums of both see."""
        return Sight(*(getattr(self, f.name) | getattr(other, f.name) for f in fields(self)))

    def differs(self, reading: Reading) -> bool:
        """Tell whether this reading says anything that no earlier one does."""
        plain = self.nan | (self.up & self.down)
        masks = self.zeros, self.rows | self.corners, self.columns | self.corners
        return all(
            times or bool((mask & ~plain).any()) for times, mask in zip(reading, masks, strict=True)
        )

    def read(self, reading: Reading) -> Sight:
        """Return what is left to see if zeros are read so: a NaN hides all else."""
        nan = self.nan | (self.up & self.down) | (self.zeros & reading.zeros)
        nan = nan | (self.rows & reading.rows) | (self.columns & reading.columns)
        nan = nan | (self.corners & (reading.rows and reading.columns))
        return replace(self, nan=nan, up=self.up & ~nan, down=self.down & ~nan)


def sight(case: Case, name: str) -> Sight:
    """Return what each element of a result sees."""
    a, rest = case.arrays, case.arguments
    bare = {**rest, "padding": 0, "padding_mode": "zeros"}
    if name == "bias":
        planes = math.prod(case.output_shape[:-3]), *case.output_shape[-3:]
        return _addends(
            a["grad_output"], lambda mask: np.asarray(mask.reshape(planes).any((0, 2, 3)))
        )
    if name == "input":

        def apply(w: Exact, g: Exact) -> Count:
            return np.asarray(reference.conv2d_input(case.input.shape, w, g, **rest))

        found = _products(apply, a["weight"], a["grad_output"])
        return replace(found, either=_meets_zeros_of_gradients(case, apply))
    frames = _frames(case)
    if name == "weight":
        size = case.weight.shape
        found = _products(
            lambda x, g: reference.conv2d_weight(x, size, g, **rest), a["input"], a["grad_output"]
        )
        gradients = _special(a["grad_output"])
        meets = [reference.conv2d_weight(f, size, gradients, **bare) > 0 for f in frames]
    else:
        found = _products(lambda x, w: reference.conv2d(x, w, **rest), a["input"], a["weight"])
        meets = [reference.conv2d(f, _special(a["weight"]), **bare) > 0 for f in frames]
        if "bias" in a:
            shape = found.nan.shape
            found |= _addends(a["bias"], lambda b: np.broadcast_to(b[:, None, None], shape))
    rows, columns, corners, either = meets
    return replace(found, rows=rows, columns=columns, corners=corners, either=either)


def _frames(case: Case) -> list[Count]:
    """Return 1 at zeros of the padding, in the shape of the padded input.

    Four times: those above and below the input, left and right of it, in the corners; and in the
    rows and columns that uneven padding has more of at the end, which torch adds before the call.
    """
    pads, marks = case.params.pads(case.weight.shape[-2:]), []
    for size, (start, end) in zip(case.input.shape[-2:], pads, strict=True):
        mark = np.zeros(start + size + end)  # 1 in the padding, 2 where it makes it uneven
        if case.params.padding_mode == "zeros":
            mark[:start] = mark[start + size :] = 1
            mark[start + size : size + end] = 2
        marks.append(mark)
    rows, columns = np.meshgrid(*marks, indexing="ij")
    even = np.maximum(rows, columns) == 1
    found = (
        even & (columns == 0),
        even & (rows == 0),
        even & (rows * columns == 1),
        (rows == 2) | (columns == 2),
    )
    shape = (*case.input.shape[:-2], *rows.shape)
    return [np.broadcast_to(mask, shape).astype(np.float64) for mask in found]


def _meets_zeros_of_gradients(case: Case, apply: Map) -> Mask:
    """Return where a special weight would meet a zero between or around the gradients.

    As a convolution of grad_output, spread by the stride and padded, with the whole kernel each
    element of the padded input has a product with every tap.
    """
    special = _special(case.arrays["weight"])
    per_group = special.reshape(case.params.groups, -1, *special.shape[1:])
    channels = per_group.sum((1, 3, 4)).reshape(-1, 1, 1)
    pads, mode = case.params.pads(special.shape[-2:]), case.params.padding_mode
    height, width = (size + sum(pad) for size, pad in zip(case.input.shape[-2:], pads, strict=True))
    copies = fold_array(np.ones((height, width)), pads, mode)
    meets: Mask = apply(special, np.ones(case.output_shape)) < channels * copies
    return meets


def _products(apply: Map, left: Exact, right: Exact) -> Sight:
    """Return what sums of products see. `apply` is the bilinear map of their factors."""

    def meets(one: Callable[[Exact], Exact], other: Callable[[Exact], Exact]) -> Count:
        """Return how many products have a factor of each sort, either way round."""
        pairs = ((one(left), other(right)), (other(left), one(right)))
        first, second = (apply(*(np.asarray(f, np.float64) for f in pair)) for pair in pairs)
        return np.asarray(first + second)

    zeros, partly = meets(_special, _is_zero) > 0, meets(_special, _is_partly_zero) > 0
    if np.iscomplexobj(left):
        nan = meets(_special, lambda a: ~_is_zero(a) & ~_is_partly_zero(a)) > 0
        return Sight.of(nan.shape, nan=nan, zeros=zeros, unclear=partly)
    nan = meets(np.isnan, lambda a: a != 0) > 0
    # Infinity times infinity is counted twice, which does not matter.
    size = meets(np.isinf, lambda a: (a != 0) & ~np.isnan(a))
    sign = meets(lambda a: np.where(np.isinf(a), np.sign(a), 0), _signs)
    return Sight.of(nan.shape, nan=nan, up=size + sign > 0, down=size - sign > 0, zeros=zeros)


def _addends(values: Exact, spread: Callable[[Mask], Mask]) -> Sight:
    """Return what sums of these addends see; each part of a complex one is added to its own."""
    if np.iscomplexobj(values):
        real, imag = (~np.isfinite(part) for part in (values.real, values.imag))
        both = spread(real & imag)
        return Sight.of(both.shape, nan=both, unclear=spread(real ^ imag))
    nan = spread(np.isnan(values))
    up, down = spread(values == np.inf), spread(values == -np.inf)
    return Sight.of(nan.shape, nan=nan, up=up, down=down)


def _special(values: Exact) -> Count:
    return np.asarray(~np.isfinite(values), np.float64)


def _signs(values: Exact) -> Count:
    return np.where(np.isnan(values), 0.0, np.sign(values))


def _is_zero(values: Exact) -> Mask:
    return np.asarray(values == 0)


def _is_partly_zero(values: Exact) -> Mask:
    """Tell which complex numbers are finite and have one part that is zero."""
    if not np.iscomplexobj(values):
        return np.zeros(values.shape, np.bool_)
    return np.asarray(((values.real == 0) ^ (values.imag == 0)) & np.isfinite(values))
