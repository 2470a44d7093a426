"""The shapes of one convolution, checked as nn.Conv2d checks them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference.padding import Pads, check_pads, product, source_map
from reference.params import Conv2dParams, Pair, as_integer

Shape = tuple[int, ...]


class Geometry(NamedTuple):
    """Which element of the input meets which element of the weight in which output."""

    batch: int
    in_channels: int
    out_channels: int
    groups: int
    size: Pair
    kernel: Pair
    output: Pair
    stride: Pair
    dilation: Pair
    pads: Pads
    padding_mode: str
    is_batched: bool

    @property
    def depth(self) -> int:
        """The number of products in one output: input channels of a group times taps."""
        return self.in_channels // self.groups * self.kernel[0] * self.kernel[1]

    @property
    def padded(self) -> Pair:
        """The height and width of the padded input."""
        (top, bottom), (left, right) = self.pads
        return self.size[0] + top + bottom, self.size[1] + left + right

    @property
    def input_shape(self) -> Shape:
        """The shape of the input, batched."""
        return self.batch, self.in_channels, *self.size

    @property
    def weight_shape(self) -> Shape:
        """The shape of the weight."""
        return self.out_channels, self.in_channels // self.groups, *self.kernel

    @property
    def matrices(self) -> Shape:
        """The shape of the weight as one matrix per group."""
        return self.groups, self.out_channels // self.groups, self.depth

    @property
    def output_shape(self) -> Shape:
        """The shape of the output, batched."""
        return self.batch, self.out_channels, *self.output

    def as_given(self, shape: Shape) -> Shape:
        """Return a batched shape without its batch, if the call has none."""
        return shape if self.is_batched else shape[1:]

    @property
    def nbytes(self) -> int:
        """The memory of a copy of every operand, the output, and one row's columns of taps."""
        padded = (self.batch, self.in_channels, *self.padded)
        columns = (self.in_channels, *self.kernel, self.output[1])
        shapes = self.input_shape, padded, self.weight_shape, self.output_shape, columns
        return 8 * sum(map(product, shapes))

    def sources(self, axis: int) -> NDArray[np.int64]:
        """Return (outputs, taps): the input row (column) under each tap, -1 for padding zeros."""
        step, spread = self.stride[axis], self.dilation[axis]
        outputs, taps = np.arange(self.output[axis]), np.arange(self.kernel[axis])
        sources = source_map(self.size[axis], self.pads[axis], self.padding_mode)
        # A single output or tap may have any stride or dilation, up to 2^63 - 1.
        first = outputs[:, None] * (step if len(outputs) > 1 else 0)
        found: NDArray[np.int64] = sources[first + taps * (spread if len(taps) > 1 else 0)]
        return found


def input_shape(name: str, shape: Sequence[int]) -> Shape:
    """Check the rank of an input, or the elements of the size given in its place."""
    sizes = tuple(as_integer(name, size, 0) for size in shape)
    if len(sizes) not in (3, 4):
        raise ValueError(f"`{name}` of shape {sizes} is neither (N, C, H, W) nor (C, H, W)")
    return sizes


def weight_shape(name: str, shape: Sequence[int]) -> Shape:
    """Check the rank and the extents of a weight, or of the size given in its place."""
    sizes = tuple(as_integer(name, size, 0) for size in shape)
    if len(sizes) != 4:
        raise ValueError(f"`{name}` of shape {sizes} is not (out_channels, channels, KH, KW)")
    if sizes[0] == 0:
        raise ValueError(f"`{name}` of shape {sizes} has no output channels")
    if 0 in sizes[2:]:
        raise ValueError(f"`{name}` of shape {sizes} has an empty kernel")
    return sizes


def check_bias(shape: Shape, out_channels: int) -> None:
    """Refuse a bias that is not one value per output channel."""
    if shape != (out_channels,):
        raise ValueError(f"`bias` of shape {shape} is not ({out_channels},)")


@lru_cache(maxsize=256)
def geometry(input: Shape, weight: Shape, params: Conv2dParams) -> Geometry:
    """Return the geometry of an input and a weight whose ranks are checked already."""
    sizes = input if len(input) == 4 else (1, *input)
    channels, groups, out_channels = sizes[1], params.groups, weight[0]
    if channels % groups:
        raise ValueError(f"`groups`={groups} does not divide in_channels={channels}")
    if out_channels % groups:
        raise ValueError(f"`groups`={groups} does not divide out_channels={out_channels}")
    if weight[1] * groups != channels:
        raise ValueError(
            f"`weight` of shape {weight} with groups={groups} takes in_channels="
            f"{weight[1] * groups}, but `input` has in_channels={channels}"
        )
    size, kernel = (sizes[2], sizes[3]), (weight[2], weight[3])
    pads = params.pads(kernel)
    check_pads("padding", input, pads, params.padding_mode)
    output = params.output_size(size, kernel)
    if 0 in size and sizes[0] and channels:
        raise ValueError(f"`input` of shape {input} is empty in neither batch nor channels")
    return Geometry(
        sizes[0], channels, out_channels, groups, size, kernel, output,
        params.stride, params.dilation, pads, params.padding_mode, len(input) == 4,
    )  # fmt: skip
