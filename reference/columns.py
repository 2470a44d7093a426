"""Banded im2col: a contraction over windows as matrix products over columns that stay in cache.

A band is some rows of the output of one image, or all rows of several small images. Its columns
are copied into one buffer, (groups, depth, positions), and every contraction of this package is a
matrix product with that buffer, or a product that fills it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from reference.arguments import Array
from reference.geometry import Geometry
from reference.padding import pad_array

CACHE_BYTES = 2**20  # of float64 columns: a share of the L2 cache of current processors
MIN_POSITIONS = 256  # below, a matrix product is spent on reading the weight ...
MAX_BYTES = 2**26  # ... but columns of more than this are not worth it


class Band(NamedTuple):
    """Images and output rows whose columns are handled together."""

    images: slice
    rows: slice
    n_images: int
    n_rows: int


def bands(geometry: Geometry) -> Iterator[Band]:
    """Yield the bands that cover the batch and the output rows."""
    height, width = geometry.output
    column = 8 * max(1, geometry.groups * geometry.depth)
    positions = max(CACHE_BYTES, min(MIN_POSITIONS * column, MAX_BYTES)) // column
    if height * width <= positions:
        count = max(1, positions // (height * width))
        for first in range(0, geometry.batch, count):
            last = min(first + count, geometry.batch)
            yield Band(slice(first, last), slice(0, height), last - first, height)
        return
    rows = max(1, positions // width)
    for image in range(geometry.batch):
        for row in range(0, height, rows):
            last = min(row + rows, height)
            yield Band(slice(image, image + 1), slice(row, last), 1, last - row)


def windows(padded: Array, geometry: Geometry) -> Array:
    """Return a view (C, KH, KW, N, OH, OW) of a C-contiguous padded input: a window per output."""
    image, channel, row, column = padded.strides
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    (oh, ow), (kh, kw) = geometry.output, geometry.kernel
    strides = (
        channel,
        row * dh if kh > 1 else 0,  # a stride that is never taken may not fit a C integer
        column * dw if kw > 1 else 0,
        image,
        row * sh if oh > 1 else 0,
        column * sw if ow > 1 else 0,
    )
    shape = geometry.in_channels, kh, kw, padded.shape[0], oh, ow
    return np.ndarray(shape, padded.dtype, padded, 0, strides)


class Columns:
    """The columns of an unpadded input, band by band, in one buffer that each band overwrites.

    Images are padded when their first band comes, so that what is copied is still in the cache.
    """

    def __init__(self, array: Array, geometry: Geometry) -> None:
        self._array, self._geometry = array, geometry
        self._is_input = geometry.kernel == (1, 1) and geometry.stride == (1, 1)
        self._images: slice | None = None
        self._view = self._buffer = array[:0]

    def of(self, band: Band) -> Array:
        """Return (groups, depth, positions); of a 1x1 kernel with stride 1, a view of the input."""
        geometry = self._geometry
        if self._images != band.images:
            self._images = band.images
            padded = pad_array(self._array[band.images], geometry.pads, geometry.padding_mode)
            self._view = windows(padded, geometry)
        part = self._view[:, :, :, :, band.rows]
        shape = geometry.groups, geometry.depth, band.n_images * band.n_rows * geometry.output[1]
        if self._is_input and band.n_images == 1:
            return part.reshape(shape)
        if part.size > self._buffer.size:
            self._buffer = np.empty(part.size, part.dtype)
        buffer = self._buffer[: part.size]
        np.copyto(buffer.reshape(part.shape), part)
        return buffer.reshape(shape)


def band_rows(array: Array, band: Band, geometry: Geometry) -> Array:
    """Return a band of an output-shaped array as (groups, channels, positions)."""
    part = array[band.images, :, band.rows]
    shape = geometry.groups, geometry.out_channels // geometry.groups, -1
    return (part[0] if band.n_images == 1 else part.swapaxes(0, 1)).reshape(shape)
