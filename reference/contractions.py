"""The three contractions of a convolution, over arrays that are checked already."""

from __future__ import annotations

import numpy as np

from reference.arguments import Array, FloatArray
from reference.columns import Band, Columns, band_rows, bands
from reference.geometry import Geometry


def correlate(x: Array, w: Array, geometry: Geometry) -> Array:
    """Return the output, without bias, of an unpadded input."""
    return _correlate(x, w, geometry, False)[0]


def magnitude(array: Array) -> FloatArray:
    """Return |a|, or |Re a| + |Im a| of complex elements."""
    result: FloatArray = np.abs(array.real)
    if np.iscomplexobj(array):
        result += np.abs(array.imag)
    return result


def correlate_magnitudes(x: Array, w: Array, geometry: Geometry) -> tuple[Array, FloatArray]:
    """Return the output, and that of the operands' magnitudes, from one pass over the columns."""
    y, total = _correlate(x, w, geometry, True)
    return y, total


def _correlate(x: Array, w: Array, geometry: Geometry, magnitudes: bool) -> list[Array]:
    weights = [w.reshape(geometry.matrices)]
    outputs = [np.empty(geometry.output_shape, x.dtype)]
    if magnitudes:
        weights.append(magnitude(weights[0]))
        outputs.append(np.empty(geometry.output_shape))
    if not outputs[0].size or not geometry.depth:
        return [np.zeros_like(output) for output in outputs]
    all_columns = Columns(x, geometry)
    with np.errstate(all="ignore"):
        for band in bands(geometry):
            columns = all_columns.of(band)
            for weight, output in zip(weights, outputs, strict=True):
                if weight is not weights[0]:
                    columns = magnitude(columns)
                if band.n_images == 1:
                    np.matmul(weight, columns, out=band_rows(output, band, geometry))
                else:
                    part = np.matmul(weight, columns).reshape(-1, band.n_images, *geometry.output)
                    output[band.images] = part.swapaxes(0, 1)
    return outputs


def scatter(w: Array, gy: Array, geometry: Geometry) -> Array:
    """Return the gradient with respect to the padded input.

    The columns of the gradient are products of the transposed weight; each tap then adds its own
    onto the rows and columns of the input that it reads.
    """
    gx = np.zeros((geometry.in_channels, geometry.batch, *geometry.padded), w.dtype)
    if not gx.size or not gy.size:
        return np.ascontiguousarray(gx.swapaxes(0, 1))
    weight = w.reshape(geometry.matrices).swapaxes(1, 2)
    with np.errstate(all="ignore"):
        for band in bands(geometry):
            add_taps(gx, np.matmul(weight, band_rows(gy, band, geometry)), band, geometry)
    return np.ascontiguousarray(gx.swapaxes(0, 1))


def add_taps(gx: Array, columns: Array, band: Band, geometry: Geometry) -> None:
    """Add a band's columns (groups, depth, positions) onto what they read of gx (C, N, H, W)."""
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    (kh, kw), width = geometry.kernel, geometry.output[1]
    taps = columns.reshape(-1, kh, kw, band.n_images, band.n_rows, width)
    for u, v in np.ndindex(kh, kw):
        row, column = band.rows.start * sh + u * dh, v * dw
        to_rows = slice(row, row + (band.n_rows - 1) * sh + 1, sh)
        to_columns = slice(column, column + (width - 1) * sw + 1, sw)
        gx[:, band.images, to_rows, to_columns] += taps[:, u, v]


def accumulate(x: Array, gy: Array, geometry: Geometry) -> Array:
    """Return the gradient with respect to the weight, given the unpadded input."""
    gw = np.zeros(geometry.matrices, x.dtype)
    if gw.size and gy.size:
        all_columns = Columns(x, geometry)
        with np.errstate(all="ignore"):
            for band in bands(geometry):
                columns = all_columns.of(band)
                gw += np.matmul(band_rows(gy, band, geometry), columns.swapaxes(1, 2))
    return gw.reshape(geometry.weight_shape)
