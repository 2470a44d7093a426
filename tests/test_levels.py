"""The levels of factors: the ones that the regions of known defects turn on, at their edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from properties.case import Case, Tensor
from properties.levels import levels
from properties.values import Recipe
from reference import Conv2dParams


def level(
    factor: str, image: tuple[int, int], weight: tuple[int, ...], groups: int = 1, **params: Any
) -> str:
    """Return the level of a call on an image of this height and width."""
    ones = Recipe("ones")
    shape = (1, groups * weight[1], *image)
    case = Case(Tensor(shape, ones), Tensor(weight, ones), params=Conv2dParams(**params))
    return levels(case.replace(groups=groups))[factor]


@pytest.mark.parametrize(
    ("shared", "groups", "kernel", "found"),
    [
        (16, 1, 3, "full"),
        (32, 2, 1, "full"),
        (15, 1, 3, "none"),
        (1, 1, 3, "one channel"),
        (17, 1, 3, "last one partial"),
        (17, 1, 1, "none"),
        (17, 2, 1, "last one partial"),
        (1, 2, 3, "last one partial"),
    ],
)
def test_blocks_of_channels(shared: int, groups: int, kernel: int, found: str) -> None:
    """Channels of a group come in blocks of 16; the first layer and 1x1 kernels know none."""
    weight = (groups, shared, kernel, kernel)
    assert level("channel_blocks", (3, 3), weight, groups) == found


@pytest.mark.parametrize(("width", "found"), [(30, "28 or fewer"), (31, "29 or more")])
def test_output_columns_count_the_output(width: int, found: str) -> None:
    """The width of the output decides, not that of the input."""
    assert level("output_columns", (1, width), (1, 1, 1, 3)) == found


@pytest.mark.parametrize(
    ("dilation", "height", "row"), [((2, 1), "2 or more", "1"), ((1, 3), "1", "2 or more")]
)
def test_dilation_is_told_by_axis(dilation: tuple[int, int], height: str, row: str) -> None:
    """Rows and columns are not mixed up."""
    assert level("dilation_h", (5, 5), (1, 1, 2, 2), dilation=dilation) == height
    assert level("dilation_w", (5, 5), (1, 1, 2, 2), dilation=dilation) == row


@pytest.mark.parametrize(
    ("stride", "dilation", "found"),
    [
        ((1, 2), (1, 2), "strided and dilated"),
        ((1, 2), (2, 1), "strided or dilated"),
        ((2, 1), (1, 2), "strided or dilated"),
    ],
)
def test_width_steps_look_at_columns(
    stride: tuple[int, int], dilation: tuple[int, int], found: str
) -> None:
    """Only a stride and a dilation of the same axis, the columns, go together."""
    assert level("width_steps", (5, 5), (1, 1, 2, 2), stride=stride, dilation=dilation) == found


def test_height_steps_look_at_rows() -> None:
    """The same for the other axis."""
    both = level("height_steps", (5, 5), (1, 1, 2, 2), stride=(2, 1), dilation=(2, 1))
    mixed = level("height_steps", (5, 5), (1, 1, 2, 2), stride=(2, 1), dilation=(1, 2))
    assert (both, mixed) == ("strided and dilated", "strided or dilated")


@pytest.mark.parametrize(
    ("padding", "dilation", "found"),
    [(1, 1, "at most half"), (2, 1, "more"), (2, 2, "at most half"), (3, 2, "more")],
)
def test_row_padding(padding: int, dilation: int, found: str) -> None:
    """Half of a kernel of 3 rows is one row, dilated by 2 it is two."""
    found_level = level(
        "row_padding", (9, 3), (1, 1, 3, 1), padding=(padding, 0), dilation=(dilation, 1)
    )
    assert found_level == found


@pytest.mark.parametrize(
    ("height", "kernel", "found"), [(1, 1, "one"), (2, 1, "several"), (2, 2, "several")]
)
def test_row_reads(height: int, kernel: int, found: str) -> None:
    """One output row of a kernel of one row reads one row; more of either read several."""
    assert level("row_reads", (height, 3), (1, 1, kernel, 1)) == found


@pytest.mark.parametrize(
    ("image", "kernel", "params", "found"),
    [
        ((3, 3), (2, 2), {"dilation": (2, 2)}, "inside"),
        ((2, 3), (2, 2), {"dilation": (2, 2), "padding": (1, 0)}, "outside"),
        ((3, 3), (2, 2), {"dilation": (2, 2), "padding": (1, 2)}, "inside"),
        ((3, 3), (2, 2), {"dilation": (2, 2), "padding": (2, 2)}, "outside"),
        ((3, 3), (2, 2), {"dilation": (2, 2), "padding": (1, 3)}, "outside"),
        ((3, 3), (3, 3), {"dilation": (2, 2), "padding": "same"}, "outside"),
        ((1, 9), (2, 2), {"padding": "same"}, "inside"),
        ((3, 20), (1, 15), {}, "outside"),
        ((3, 3), (3, 3), {"padding": (2, 2)}, "outside"),
        ((3, 3), (3, 3), {"padding": (2, 2), "padding_mode": "reflect"}, "inside"),
    ],
)
def test_dilated_kernel(
    image: tuple[int, int], kernel: tuple[int, int], params: dict[str, Any], found: str
) -> None:
    """The kernel fits in the height; padding hides at most half of its rows, never all columns.

    Where torch pads the input itself, that counts as input.
    """
    assert level("dilated_kernel", image, (1, 1, *kernel), **params) == found


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, "0"),
        ({"padding": (1, 0)}, "0"),
        ({"padding": (0, 1)}, "1 or more"),
        ({"padding": "same"}, "1 or more"),
    ],
)
def test_padding_of_columns(params: dict[str, Any], found: str) -> None:
    """Padding of the rows does not count; that of "same" does, if only at one end."""
    assert level("padding_w", (3, 3), (1, 1, 2, 2), **params) == found


@pytest.mark.parametrize(("width", "found"), [(2, "narrower"), (3, "wider")])
def test_width_vs_stride(width: int, found: str) -> None:
    """The unpadded width is compared with the stride of the columns."""
    stride = (1, 3)
    assert level("width_vs_stride", (3, width), (1, 1, 1, 1), stride=stride) == found


@pytest.mark.parametrize(
    ("image", "params", "found"),
    [
        ((4, 15), {"stride": (2, 1)}, "yes"),
        ((5, 15), {"stride": (2, 1)}, "no"),
        ((4, 15), {}, "no"),
        ((2, 15), {"stride": (2, 1), "padding": (1, 0)}, "no"),
        ((2, 15), {"stride": (2, 1), "padding": (1, 0), "padding_mode": "reflect"}, "yes"),
    ],
)
def test_strides_tile(image: tuple[int, int], params: dict[str, Any], found: str) -> None:
    """Every stride is whole and nothing is padded, but by torch itself."""
    assert level("strides_tile", image, (1, 1, 1, 1), **params) == found


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ((2, 9), "two or three"),
        ((3, 7), "two or three"),
        ((1, 33), "two or three"),
        ((1, 15), "other"),
        ((2, 1), "other"),
        ((1, 17), "other"),
        ((1, 25), "other"),
        ((2, 15), "other"),
        ((3, 6), "other"),
        ((9, 2), "other"),
        ((4, 17), "other"),
    ],
)
def test_odd_blocks(image: tuple[int, int], found: str) -> None:
    """Outputs that no even number from 8 to 16 divides are cut into the least parts of a row."""
    assert level("odd_blocks", image, (1, 1, 1, 1)) == found


@pytest.mark.parametrize(
    ("image", "found"),
    [((2, 15), "multiple of 30"), ((15, 2), "other"), ((2, 16), "other")],
)
def test_output_positions(image: tuple[int, int], found: str) -> None:
    """Thirty outputs in rows that are not short."""
    assert level("output_positions", image, (1, 1, 1, 1)) == found


@pytest.mark.parametrize(
    ("shared", "groups", "found"),
    [
        (16, 1, "blocked"),
        (17, 1, "blocked"),
        (15, 1, "other"),
        (32, 2, "blocked"),
        (17, 2, "other"),
    ],
)
def test_channel_path(shared: int, groups: int, found: str) -> None:
    """A single group is filled up to whole blocks, of several each must be."""
    assert level("channel_path", (3, 3), (groups, shared, 2, 2), groups) == found


@pytest.mark.parametrize(
    ("padding", "found"), [((2, 1), "less than the kernel"), ((0, 2), "kernel or more")]
)
def test_column_padding(padding: tuple[int, int], found: str) -> None:
    """That of the rows does not count."""
    assert level("column_padding", (9, 9), (1, 1, 2, 2), padding=padding) == found


@pytest.mark.parametrize("operand", ["input", "weight", "bias", "grad_output", ""])
def test_negative_views_are_those_of_any_operand(operand: str) -> None:
    """One view of negatives is enough, whichever operand it is."""
    one = Tensor((1, 1, 1, 1), Recipe("ones"))
    plain = Case(one, one, Tensor((1,), Recipe("ones")), gradients=("weight",), grad_output=one)
    negated = {operand: replace(plain.tensors[operand], layout="negated")} if operand else {}
    assert levels(plain.replace(**negated))["negative_views"] == ("some" if operand else "none")


@pytest.mark.parametrize(
    ("step", "found"),
    [(2**13 - 1, "below 2^13"), (2**13, "2^13 or more"), (2**31 - 1, "2^13 or more"),
     (2**31, "2^31 or more")],
)  # fmt: skip
def test_a_wide_stride_is_one_of_columns(step: int, found: str) -> None:
    """A stride of as many rows is not meant."""
    assert level("stride_w_size", (5, 5), (1, 1, 2, 2), stride=(1, step)) == found
    assert level("stride_w_size", (5, 5), (1, 1, 2, 2), stride=(step, 1)) == "below 2^13"
