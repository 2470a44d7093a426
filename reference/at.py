"""Enclosures of chosen elements of an output or a gradient, at a cost of their number.

An element is the sum of its own products. The products of several elements are those of a small
convolution with one group for each, whose enclosure is that of the elements. Operands are arrays,
or anything that has a `shape` and, indexed by arrays of integers, returns elements as NumPy does:
neither an operand nor a result need ever exist as a whole.

Where a kernel may keep its partial results in the operands' own format, tap by tap, taps that read
padding count as stored too; the radius may then be larger than that of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from reference.arguments import Array
from reference.arithmetic import Arithmetic
from reference.enclosure import Enclosure
from reference.enclosures import enclose_conv2d, enclose_conv2d_input, enclose_conv2d_weight
from reference.geometry import Geometry, Shape, check_bias, geometry, input_shape, weight_shape
from reference.integers import Modular
from reference.padding import sources_of
from reference.params import Conv2dParams, IntOrPair, Padding

Places = Sequence[Sequence[int]] | NDArray[np.int64]
Index = NDArray[np.int64]


class Elements(Protocol):
    """What elements can be taken from: an array, or what computes them when asked."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents."""

    def __getitem__(self, index: Any, /) -> Any:
        """Return the elements at broadcasting arrays of integers, one for each axis."""


def enclose_conv2d_at(
    places: Places,
    input: Elements,
    weight: Elements,
    bias: Elements | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    *,
    arithmetic: Arithmetic | Modular,
) -> Enclosure:
    """Return every value that the elements of an output at `places` may have: (P,).

    `places` (P, 4) are indices of the output, (P, 3) of an unbatched one. Elements of the operands
    are real, complex or integer numbers. A ValueError for what `enclose_conv2d` refuses, and for
    places outside the output.
    """
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    found = _geometry(input.shape, weight.shape, params)
    if bias is not None:
        check_bias(bias.shape, found.out_channels)
    image, o, i, j = _split(places, found.as_given(found.output_shape))
    shared = found.in_channels // groups
    tap = _taps(found)
    rows = _reads(found, 0, i[:, None] * found.stride[0], tap[0])[:, None, :, None]
    columns = _reads(found, 1, j[:, None] * found.stride[1], tap[1])[:, None, None, :]
    own = np.arange(shared)[:, None, None]
    channel = (o // (found.out_channels // groups) * shared)[:, None, None, None] + own
    x = _take(input, found, (image[:, None, None, None], channel, rows, columns))
    w = weight[o[:, None, None, None], own, tap[0][:, None], tap[1]]
    batch = x.reshape(1, -1, *found.kernel)
    offset = None if bias is None else bias[o]
    return enclose_conv2d(batch, w, offset, groups=len(o), arithmetic=arithmetic)[0, :, 0, 0]


def enclose_conv2d_input_at(
    places: Places,
    input_size: Sequence[int],
    weight: Elements,
    grad_output: Elements,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    arithmetic: Arithmetic | Modular,
) -> Enclosure:
    """Return every value that elements of the gradient of the input may have: (P,).

    `places` are indices of the input. Padding is with zeros: in the other modes the gradient of a
    pixel is a sum of the gradients of its copies.
    """
    params = Conv2dParams(stride, padding, dilation, groups)
    found = _geometry(tuple(input_size), weight.shape, params)
    image, channel, row, column = _split(places, found.as_given(found.input_shape))
    shared, outs = found.in_channels // groups, found.out_channels // groups
    tap = _taps(found)
    i = _windows(found, 0, row, tap[0])[:, None, :, None]
    j = _windows(found, 1, column, tap[1])[:, None, None, :]
    o = (channel // shared * outs)[:, None, None, None] + np.arange(outs)[:, None, None]
    gy = _take(grad_output, found, (image[:, None, None, None], o, i, j))
    w = weight[o, (channel % shared)[:, None, None, None], tap[0][:, None], tap[1]]
    (kh, kw), count = found.kernel, len(channel)
    # One pixel per group, padded so that every tap reads it once: the first window by the last tap.
    return enclose_conv2d_input(
        (1, count, 1, 1),
        w.reshape(-1, 1, kh, kw),
        np.ascontiguousarray(gy[..., ::-1, ::-1]).reshape(1, -1, kh, kw),
        padding=(kh - 1, kw - 1),
        groups=count,
        arithmetic=arithmetic,
    )[0, :, 0, 0]


def enclose_conv2d_weight_at(
    places: Places,
    input: Elements,
    weight_size: Sequence[int],
    grad_output: Elements,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    *,
    arithmetic: Arithmetic | Modular,
) -> Enclosure:
    """Return every value that elements of the gradient of the weight may have: (P,).

    `places` are indices of the weight. Each is a sum over all images and positions of the output.
    """
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    found = _geometry(input.shape, tuple(weight_size), params)
    o, shared, u, v = _split(places, found.weight_shape)
    group = o // (found.out_channels // groups)
    channel = (group * (found.in_channels // groups) + shared)[:, None, None]
    outputs = [np.arange(extent) for extent in found.output]
    rows = _reads(found, 0, outputs[0] * found.stride[0], u[:, None])[:, :, None]
    columns = _reads(found, 1, outputs[1] * found.stride[1], v[:, None])[:, None, :]
    image = np.arange(found.batch)[:, None, None, None]
    x = _take(input, found, (image, channel, rows, columns))
    index = (image, o[:, None, None], outputs[0][:, None], outputs[1])
    gy = _take(grad_output, found, index)
    size = (len(o), 1, 1, 1)
    return enclose_conv2d_weight(x, size, gy, groups=len(o), arithmetic=arithmetic)[:, 0, 0, 0]


def _geometry(input: Shape, weight: Shape, params: Conv2dParams) -> Geometry:
    return geometry(input_shape("input", input), weight_shape("weight", weight), params)


def _split(places: Places, shape: Shape) -> tuple[Index, Index, Index, Index]:
    """Return one array of indices for each axis; those of an unbatched image are in image 0."""
    index = np.asarray(places, np.int64)
    if index.ndim != 2 or index.shape[1] != len(shape) or not len(index):
        raise ValueError(f"`places` of shape {index.shape} is not (P, {len(shape)}), P > 0")
    if (index < 0).any() or (index >= np.array(shape)).any():
        raise ValueError(f"`places` has an index outside of {shape}")
    if len(shape) == 3:
        index = np.insert(index, 0, 0, axis=1)
    return index[:, 0], index[:, 1], index[:, 2], index[:, 3]


def _taps(found: Geometry) -> tuple[Index, Index]:
    return np.arange(found.kernel[0]), np.arange(found.kernel[1])


def _reads(found: Geometry, axis: int, first: Index, tap: Index) -> Index:
    """Return the input rows (columns) under taps of windows that begin at `first`; -1 is zeros."""
    spread = found.dilation[axis] if found.kernel[axis] > 1 else 0
    return sources_of(
        first + tap * spread - found.pads[axis][0], found.size[axis], found.padding_mode
    )


def _windows(found: Geometry, axis: int, row: Index, tap: Index) -> Index:
    """Return which window reads each input row (column) under each tap; -1 where none does."""
    spread = found.dilation[axis] if found.kernel[axis] > 1 else 0
    start = row[:, None] + found.pads[axis][0] - tap * spread
    step = found.stride[axis]
    window, rest = start // step, start % step
    return np.where((rest == 0) & (window >= 0) & (window < found.output[axis]), window, -1)


def _take(array: Elements, found: Geometry, index: tuple[Index, ...]) -> Array:
    """Return the elements at (image, channel, row, column); zero where the row or column is -1."""
    inside = (index[-2] >= 0) & (index[-1] >= 0)
    clipped = (*index[:-2], np.maximum(index[-2], 0), np.maximum(index[-1], 0))
    values = np.asarray(array[clipped if found.is_batched else clipped[1:]])
    return np.where(inside, values, values.dtype.type(0))
