"""The largest element that an output, or a gradient, may share a tile with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reference.arguments import FloatArray
from reference.geometry import Geometry
from reference.padding import pad_array
from reference.params import Pair


def around_outputs(x: FloatArray, geometry: Geometry, reaches: Pair) -> FloatArray:
    """Return the largest element that a tile with each output may hold: (N, C, OH, OW)."""
    padded = pad_array(x, geometry.pads, geometry.padding_mode)
    windows = []
    for reach, taps, s, d, count in zip(
        reaches, geometry.kernel, geometry.stride, geometry.dilation, geometry.output, strict=True
    ):
        beside = reach * s * d  # tiles of dilated filters hold every d-th output
        windows.append((beside, (taps - 1) * d + beside, s, count))
    return windowed(padded, windows)


def around_inputs(gy: FloatArray, geometry: Geometry, reaches: Pair) -> FloatArray:
    """Return the largest gradient that a tile with each padded input may hold: (N, O, H, W)."""
    (sh, sw), (oh, ow) = geometry.stride, geometry.output
    spread = np.zeros((*gy.shape[:2], *geometry.padded))
    spread[:, :, : (oh - 1) * sh + 1 : sh, : (ow - 1) * sw + 1 : sw] = gy
    windows = []
    for reach, taps, s, d, count in zip(
        reaches, geometry.kernel, geometry.stride, geometry.dilation, geometry.padded, strict=True
    ):
        beside = reach * s * d
        windows.append(((taps - 1) * d + beside, beside, 1, count))
    return windowed(spread, windows)


def windowed(array: FloatArray, windows: Sequence[tuple[int, int, int, int]]) -> FloatArray:
    """Return maxima over the last two axes: for each the rows before, after, the step, the count.

    Element i is the maximum from i * step - before to i * step + after; 0 where that is empty.
    """
    for before, after, step, count in windows:
        size = array.shape[-2]
        found = np.zeros((*array.shape[:-2], count, array.shape[-1]))
        for offset in range(-min(before, (count - 1) * step), min(after, size - 1) + 1):
            first, last = max(0, -(offset // step)), min(count, (size - 1 - offset) // step + 1)
            if first < last:
                rows = slice(first * step + offset, (last - 1) * step + offset + 1, step)
                target = found[..., first:last, :]
                np.maximum(target, array[..., rows, :], out=target)
        array = found.swapaxes(-1, -2)
    return array
