"""The three contractions of a convolution, over checked arrays, exactly and then rounded once.

Those of `reference.contractions`, band by band, in sums of slices (`reference.slices`) that become
numbers when nothing is left to add: after the bias, the last tap and fold, or the last band.
"""

from __future__ import annotations

from itertools import zip_longest
from math import ceil

import numpy as np

from reference.arguments import Array, FloatArray
from reference.columns import Columns, band_rows, bands
from reference.contractions import add_taps
from reference.geometry import Geometry
from reference.padding import fold_array
from reference.rounding import rounded
from reference.slices import Scaled, products, scale, slice_bits, slices, stacked
from reference.terms import input_counts

MAX_RANGE = 920  # binades from the first bit of a sum to its last, bias included


def correlate_exactly(
    x: FloatArray, w: FloatArray, bias: FloatArray | None, geometry: Geometry
) -> FloatArray:
    """Return the output of an unpadded input."""
    bias = np.zeros(geometry.out_channels) if bias is None else bias
    first, second, third = scale("input", x), scale("weight", w), scale("bias", bias)
    y = np.zeros(geometry.output_shape)
    if not (x.any() and w.any()):
        return y + bias[:, None, None]
    bits = slice_bits(geometry.depth, first, second)
    stack = stacked(second.array.reshape(geometry.matrices), bits)
    exponent = first.exponent + second.exponent - 2 * bits
    before, addend = _aligned(third, first, second, bits)
    addend = [part.reshape(geometry.groups, -1, 1) for part in addend]
    all_columns = Columns(first.array, geometry)
    for band in bands(geometry):
        sums = products(stack, all_columns.of(band), bits)
        if addend:
            above = [np.zeros(1)] * before
            sums = [a + b for a, b in zip_longest(above + sums, addend, fillvalue=np.zeros(1))]
        part = rounded(sums, bits, exponent + bits * before)
        part = part.reshape(-1, band.n_images, band.n_rows, geometry.output[1])
        y[band.images, :, band.rows] = part.swapaxes(0, 1)
    return y


def scatter_exactly(w: FloatArray, gy: FloatArray, geometry: Geometry) -> FloatArray:
    """Return the gradient with respect to the unpadded input, image by image."""
    gx = np.zeros(geometry.input_shape)
    if not gx.size:
        return gx
    first, second = scale("weight", w), scale("grad_output", gy)
    bits = slice_bits(int(input_counts(geometry).max()), first, second)
    stack = stacked(first.array.reshape(geometry.matrices).swapaxes(1, 2), bits)
    exponent = first.exponent + second.exponent - 2 * bits
    one = geometry._replace(batch=1)
    for image in range(geometry.batch):
        padded: list[Array] = []
        for band in bands(one):
            rows = band_rows(second.array[image : image + 1], band, one)
            for s, columns in enumerate(products(stack, rows, bits)):
                if s == len(padded):
                    padded.append(np.zeros((geometry.in_channels, 1, *geometry.padded)))
                add_taps(padded[s], columns, band, one)
        sums = [fold_array(part[:, 0], geometry.pads, geometry.padding_mode) for part in padded]
        gx[image] = rounded(sums, bits, exponent)
    return gx


def accumulate_exactly(x: FloatArray, gy: FloatArray, geometry: Geometry) -> FloatArray:
    """Return the gradient with respect to the weight, given the unpadded input."""
    gw = np.zeros(geometry.weight_shape)
    if not gw.size or not gy.size:
        return gw
    first, second = scale("input", x), scale("grad_output", gy)
    bits = slice_bits(geometry.batch * geometry.output[0] * geometry.output[1], first, second)
    all_columns = Columns(first.array, geometry)
    sums: list[Array] = []
    for band in bands(geometry):
        rows = band_rows(second.array, band, geometry).swapaxes(1, 2)
        for s, part in enumerate(products(stacked(all_columns.of(band), bits), rows, bits)):
            if s == len(sums):
                sums.append(np.zeros_like(part))
            sums[s] += part
    exponent = first.exponent + second.exponent - 2 * bits
    return rounded(sums, bits, exponent).swapaxes(1, 2).reshape(geometry.weight_shape)


def sum_exactly(gy: FloatArray) -> FloatArray:
    """Return the gradient with respect to the bias."""
    operand = scale("grad_output", gy)
    bits = slice_bits(max(1, gy.size), operand, operand)
    sums = [part.sum((0, 2, 3)) for part in slices(operand.array, bits)]
    return rounded(sums, bits, operand.exponent - bits)


def _aligned(
    addend: Scaled, first: Scaled, second: Scaled, bits: int
) -> tuple[int, list[FloatArray]]:
    """Return the slices of the bias in the units of the sums, and how many lie before the first."""
    if not addend.array.any():
        return 0, []
    top = first.exponent + second.exponent
    bottom = min(top - first.depth - second.depth, addend.exponent - addend.depth)
    if max(top, addend.exponent) - bottom > MAX_RANGE:
        raise ValueError(
            f"`bias` of about 2**{addend.exponent - 2} and products below 2**{top - 2} have bits"
            f" that span more than {MAX_RANGE} binades, which exact sums do not allow"
        )
    before = max(0, ceil((addend.exponent - top + bits) / bits))
    shift = addend.exponent - (top - bits + bits * before)
    return before, list(slices(np.ldexp(addend.array, shift), bits))
