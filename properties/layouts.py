"""Where the elements of a tensor lie in memory: the layouts that users' tensors really have.

A layout gives each shape its strides, its storage offset and the number of elements in memory;
those that no index names are gaps, and belong to nobody's result. Values never depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Shape = tuple[int, ...]
Order = tuple[int, ...]

CHANNELS, ROWS, COLUMNS = -3, -2, -1  # axes, from the end: an image alone has no first one
FILL = b"\x7f"  # of gaps: 0x7f7f7f7f is 3.4e38, and no read of it looks harmless

# Slices of a larger tensor: whether that is channels_last, and of the axis that is cut how many
# elements lie before the first, behind the last, and from one to the next.
SLICES: Mapping[str, tuple[bool, int, tuple[int, int, int]]] = {
    "channel-slice": (False, CHANNELS, (1, 1, 1)),
    "row-slice": (False, ROWS, (1, 1, 1)),
    "column-slice": (False, COLUMNS, (1, 1, 1)),
    "every-other-image": (False, 0, (0, 1, 2)),
    "every-other-column": (False, COLUMNS, (0, 1, 2)),
    "channels_last-channel-slice": (True, CHANNELS, (1, 1, 1)),
    "channels_last-row-slice": (True, ROWS, (1, 1, 1)),
    "channels_last-column-slice": (True, COLUMNS, (1, 1, 1)),
    "channels_last-every-other-channel": (True, CHANNELS, (0, 1, 2)),
}
# Whether what is expanded is channels_last, and along which axes it is.
EXPANDED: Mapping[str, tuple[bool, tuple[int, ...]]] = {
    "expanded-images": (False, (0,)),
    "expanded-channels": (False, (CHANNELS,)),
    "expanded-rows": (False, (ROWS,)),
    "expanded": (False, ()),  # every axis: what `sum().backward()` hands on
    "channels_last-expanded-images": (True, (0,)),
}
# Dense tensors: whether that is channels_last, and what else a `Placement` has. Views of conjugates
# and negatives are computed when they are read.
MOVED: Mapping[str, tuple[bool, Mapping[str, Any]]] = {
    "offset": (False, {"offset": 3}),
    "channels_last-offset": (True, {"offset": 3}),
    "misaligned": (False, {"shift": 1}),
    "conjugated": (False, {"view": "conjugated"}),
    "negated": (False, {"view": "negated"}),
    "channels_last-conjugated": (True, {"view": "conjugated"}),
    "channels_last-negated": (True, {"view": "negated"}),
}
CONJUGATED = ("conjugated", "channels_last-conjugated")
NEGATED = ("negated", "channels_last-negated")
VIEWS = (*CONJUGATED, *NEGATED)
LAYOUTS = (
    "contiguous",
    "channels_last",
    *SLICES,
    "transposed",
    "swapped",
    *EXPANDED,
    "overlapping",
    "odd-strides",
    "channels_last-odd-strides",
    "offset",
    "channels_last-offset",
    "misaligned",
    *VIEWS,
)
# What a vector of biases can have, and what an image without a batch cannot.
OF_VECTORS = (
    *("contiguous", "every-other-column", "expanded", "odd-strides", "offset", "misaligned"),
    *("conjugated", "negated"),
)
OF_BATCHES = ("every-other-image", "swapped", "expanded-images", "channels_last-expanded-images")


@dataclass(frozen=True)
class Placement:
    """Strides, offset of the first element and extent of the memory, all in elements.

    shift  elements by which the memory starts after an aligned address
    view   "conjugated" or "negated": memory holds the conjugates or negatives of the values
    """

    strides: tuple[int, ...]
    offset: int
    size: int
    shift: int = 0
    view: str = ""

    def places(self, shape: Shape) -> npt.NDArray[np.intp]:
        """Return where in memory each element lies, an array of `shape`."""
        places = np.full(shape, self.offset, np.intp)
        for axis, (extent, stride) in enumerate(zip(shape, self.strides, strict=True)):
            steps = np.arange(extent, dtype=np.intp) * stride
            places += steps.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        return places

    def shares(self, shape: Shape) -> bool:
        """Tell whether elements of different indices may lie at the same place."""
        return 0 <= self.size < math.prod(shape)


def refusal(layout: str, rank: int, kind: str) -> str:
    """Return the rule that forbids a layout for tensors of this rank and kind of dtype, or ""."""
    if rank == 1 and layout not in OF_VECTORS:
        return "a vector has no such axes"
    if rank == 3 and layout in OF_BATCHES:
        return "an image without a batch has no such layout"
    if layout in CONJUGATED and kind != "complex":
        return "only complex numbers have conjugate views"
    if layout in NEGATED and kind == "integer":
        return "views of negatives are of floating or complex numbers"
    return ""


@cache
def place(shape: Shape, layout: str) -> Placement:
    """Return where a tensor of `shape` lies; what has no element lies as if contiguous."""
    rank = len(shape)
    plain: Order = tuple(range(rank))
    dense = _box(shape, plain, {})
    if layout == "channels_last":
        # As torch computes the strides: an extent of 0 counts as 0.
        return replace(_box(shape, _last(rank), {}, 0), size=dense.size)
    if 0 in shape or layout == "contiguous":
        return dense
    if layout in SLICES:
        last, axis, cut = SLICES[layout]
        return _box(shape, _last(rank) if last else plain, {axis % rank: cut})
    if layout in EXPANDED:
        last, chosen = EXPANDED[layout]
        axes = [axis % rank for axis in chosen] or list(plain)
        kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
        one = _box(kept, _last(rank) if last else plain, {})
        return replace(one, strides=tuple(0 if i in axes else s for i, s in enumerate(one.strides)))
    return _other(shape, layout, dense)


def _other(shape: Shape, layout: str, dense: Placement) -> Placement:
    rank, plain = len(shape), tuple(range(len(shape)))
    if layout in MOVED:
        last, changes = MOVED[layout]
        box = _box(shape, _last(rank), {}) if last else dense
        return replace(box, **changes, size=box.size + changes.get("offset", 0))
    if layout == "transposed":
        return _box(shape, (*plain[:-2], rank - 1, rank - 2), {})
    if layout == "swapped":
        return _box(shape, (1, 0, *plain[2:]), {})
    if layout == "overlapping":
        # Each row begins one element after the one before: a sliding window over a signal.
        line = (*shape[:-2], 1, shape[-1] + shape[-2] - 1)
        box = _box(line, plain, {})
        return replace(box, strides=(*box.strides[:-2], 1, 1))
    if layout == "channels_last-odd-strides":
        # What `unsqueeze` and `permute` make of a matrix or an image.
        box = _box(shape, _last(rank), {})
        strides = zip(shape, box.strides, strict=True)
        return replace(box, strides=tuple(1 if n == 1 else step for n, step in strides))
    odd = tuple(7 if n == 1 else step for n, step in zip(shape, dense.strides, strict=True))
    return replace(dense, strides=odd)


def effective(shape: Shape, layout: str) -> str:
    """Return the layout that the tensor has indeed: a slice of one of one element has none."""
    if layout in ("contiguous", "channels_last"):
        return layout
    found, dense = place(shape, layout), place(shape, "contiguous")
    if replace(found, strides=dense.strides) != dense:
        return layout
    strides = zip(shape, found.strides, dense.strides, strict=True)
    different = [n for n, step, plain in strides if step != plain]
    if not different:
        return "contiguous"
    return layout if max(different) > 1 else "odd-strides"


def settled(values: npt.NDArray[Any], layout: str) -> npt.NDArray[Any]:
    """Return the values that memory keeps, where several elements lie at one place: the last."""
    placement = place(values.shape, layout)
    if not placement.shares(values.shape):
        return values
    places, memory = placement.places(values.shape), np.zeros(placement.size, values.dtype)
    memory[places.ravel()] = values.ravel()
    kept: npt.NDArray[Any] = memory[places]
    return kept


def in_memory(stored: npt.NDArray[Any], layout: str) -> bytes:
    """Return the bytes of a tensor in memory, gaps filled; `stored` holds its elements as kept."""
    placement = place(stored.shape, layout)
    if layout == "contiguous" or not stored.size:
        return stored.tobytes()
    memory = np.frombuffer(bytearray(FILL) * (placement.size * stored.itemsize), stored.dtype)
    memory[placement.places(stored.shape).ravel()] = stored.ravel()
    return memory.tobytes()


def _last(rank: int) -> Order:
    return (*range(rank - 3), rank - 2, rank - 1, rank - 3)


def _box(
    shape: Shape, order: Order, cuts: Mapping[int, tuple[int, int, int]], least: int = 1
) -> Placement:
    """Return the placement in a larger dense tensor, whose axes lie in `order`, slowest first."""
    strides, step, offset = [0] * len(shape), 1, 0
    for axis in reversed(order):
        before, behind, every = cuts.get(axis, (0, 0, 1))
        strides[axis] = step * every
        offset += before * step
        step *= before + max(shape[axis], least) * every + (behind if every == 1 else 0)
    size = step if 0 not in shape else 0
    return Placement(tuple(strides), offset, size)
