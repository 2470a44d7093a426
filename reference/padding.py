"""Padding as nn.Conv2d does it, and its adjoint.

Each axis is described by its source map: for every padded row the input row that it repeats, or -1
for a row of zeros. Padding gathers along the map; its adjoint adds along it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reference.arguments import Array, ArrayLike, check_memory, convert, read
from reference.params import PADDING_MODES, Pair, as_pair

Pads = tuple[Pair, Pair]


def pad(input: ArrayLike, pads: Pads, mode: str = "zeros") -> Array:
    """Return the input (..., H, W) with pads = ((top, bottom), (left, right)) added around it.

    The modes are nn.Conv2d's: "zeros", "reflect" (without the edge), "replicate", "circular".
    """
    operand = read("input", input)
    shape = operand.shape
    if mode not in PADDING_MODES:
        raise ValueError(f"`mode`={mode!r} is not one of {PADDING_MODES}")
    if len(shape) < 2:
        raise ValueError(f"`input` of shape {shape} is not (..., H, W)")
    rows, columns = pads
    pads = as_pair("pads", rows, 0), as_pair("pads", columns, 0)
    check_pads("pads", shape, pads, mode)
    padded = *shape[:-2], shape[-2] + sum(pads[0]), shape[-1] + sum(pads[1])
    check_memory(8 * (product(shape) + product(padded)), f"`input` of shape {padded} after padding")
    array = convert([operand])[0]
    result = pad_array(array, pads, mode)
    return result.copy() if result is array else result


def check_pads(name: str, shape: tuple[int, ...], pads: Pads, mode: str) -> None:
    """Refuse what torch's padding of this mode refuses."""
    if mode == "zeros":
        return
    # torch lets the batch be empty here, but no channel, row or column.
    if mode != "circular" and 0 in shape[-3:]:
        raise ValueError(f"`input` of shape {shape} is empty, which mode {mode!r} cannot pad")
    for size, (before, after) in zip(shape[-2:], pads, strict=True):
        if mode == "reflect" and max(before, after) >= size:
            raise ValueError(f"`{name}`={pads} must be less than the input size {shape[-2:]}")
        if mode == "circular" and max(before, after) > size:
            raise ValueError(f"`{name}`={pads} must be at most the input size {shape[-2:]}")


def source_map(size: int, pads: Pair, mode: str) -> NDArray[np.int64]:
    """Return, per padded row, the input row that it repeats; -1 is a row of zeros."""
    return sources_of(np.arange(-pads[0], size + pads[1]), size, mode)


def sources_of(index: NDArray[np.int64], size: int, mode: str) -> NDArray[np.int64]:
    """Return the input rows that rows counted from the input's first repeat; -1 is zeros."""
    if mode == "zeros":
        return np.where((index >= 0) & (index < size), index, -1)
    if mode == "reflect":
        reflected: NDArray[np.int64] = size - 1 - np.abs(size - 1 - np.abs(index))
        return reflected
    if mode == "replicate":
        return index.clip(0, size - 1)
    return index % max(size, 1)


def pad_array(array: Array, pads: Pads, mode: str) -> Array:
    """Return the padded array; the array itself where nothing is added."""
    (top, bottom), (left, right) = pads
    if not (top or bottom or left or right):
        return array
    height, width = array.shape[-2:]
    if mode == "zeros":
        shape = *array.shape[:-2], top + height + bottom, left + width + right
        padded = np.zeros(shape, array.dtype)
        padded[..., top : top + height, left : left + width] = array
        return padded
    rows, columns = source_map(height, pads[0], mode), source_map(width, pads[1], mode)
    return np.ascontiguousarray(array[..., rows[:, None], columns])


def fold_array(padded: Array, pads: Pads, mode: str) -> Array:
    """Return the adjoint of `pad_array`: every padded element is added onto its source."""
    if not any((*pads[0], *pads[1])):
        return padded
    folded = _fold_rows(padded, pads[0], mode)
    folded = _fold_rows(folded.swapaxes(-1, -2), pads[1], mode).swapaxes(-1, -2)
    return np.ascontiguousarray(folded)


def _fold_rows(padded: Array, pads: Pair, mode: str) -> Array:
    """Fold along the last axis but one."""
    before, after = pads
    size = padded.shape[-2] - before - after
    folded = padded[..., before : before + size, :].copy()
    if mode == "zeros":
        return folded
    sources = source_map(size, pads, mode)
    for row in (*range(before), *range(before + size, before + size + after)):
        folded[..., sources[row], :] += padded[..., row, :]
    return folded


def product(sizes: tuple[int, ...]) -> int:
    """Return the number of elements of a shape, as an int that cannot overflow."""
    total = 1
    for size in sizes:
        total *= size
    return total
