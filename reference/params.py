"""The parameters of a 2-D convolution and the output-size formula that they define."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
INT64_MAX = 2**63 - 1

Pair = tuple[int, int]
IntOrPair = int | Sequence[int]
Padding = str | IntOrPair


@dataclass(frozen=True, init=False)
class Conv2dParams:
    """Stride, padding, dilation, groups and padding mode of a convolution, checked and normalised.

    An integer stands for both axes; `stride` and `dilation` are stored as pairs, `padding` as a
    pair or as the string "valid" or "same".
    """

    stride: Pair
    padding: Pair | str
    dilation: Pair
    groups: int
    padding_mode: str

    def __init__(
        self,
        stride: IntOrPair = 1,
        padding: Padding = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
    ) -> None:
        if padding_mode not in PADDING_MODES:
            raise ValueError(f"`padding_mode`={padding_mode!r} is not one of {PADDING_MODES}")
        fields = self.__dict__  # a frozen dataclass allows no plain assignment
        fields["stride"] = as_pair("stride", stride, 1)
        fields["padding"] = _padding(padding)
        fields["dilation"] = as_pair("dilation", dilation, 1)
        fields["groups"] = as_integer("groups", groups, 1)
        fields["padding_mode"] = padding_mode
        if fields["padding"] == "same" and fields["stride"] != (1, 1):
            raise ValueError(f"`stride`={stride!r} must be 1 when `padding`='same'")

    def pads(self, kernel_size: IntOrPair) -> tuple[Pair, Pair]:
        """Return the rows and columns added: ((top, bottom), (left, right)).

        'same' adds dilation * (kernel - 1) in all, the odd one at the end.
        """
        if self.padding == "valid":
            return (0, 0), (0, 0)
        if self.padding == "same":
            (kh, kw), (dh, dw) = as_pair("kernel_size", kernel_size, 1), self.dilation
            height, width = dh * (kh - 1), dw * (kw - 1)
            return (height // 2, height - height // 2), (width // 2, width - width // 2)
        rows, columns = cast(Pair, self.padding)
        return (rows, rows), (columns, columns)

    def output_size(self, input_size: IntOrPair, kernel_size: IntOrPair) -> Pair:
        """Return (OH, OW), each floor((padded - dilation * (kernel - 1) - 1) / stride) + 1."""
        size, kernel = as_pair("input_size", input_size, 0), as_pair("kernel_size", kernel_size, 1)
        (top, bottom), (left, right) = self.pads(kernel)
        padded = size[0] + top + bottom, size[1] + left + right
        height = padded[0] - self.dilation[0] * (kernel[0] - 1) - 1
        width = padded[1] - self.dilation[1] * (kernel[1] - 1) - 1
        if height < 0 or width < 0:
            raise ValueError(
                f"`kernel_size`={kernel} with dilation {self.dilation} is larger than the padded"
                f" input {padded}"
            )
        return height // self.stride[0] + 1, width // self.stride[1] + 1


def output_size(
    input_size: IntOrPair,
    kernel_size: IntOrPair,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
) -> Pair:
    """Return the height and width (OH, OW) of a convolution's output."""
    return Conv2dParams(stride, padding, dilation).output_size(input_size, kernel_size)


def as_integer(name: str, value: object, minimum: int) -> int:
    """Return `value` as an int of at least `minimum`; a bool is not an integer here."""
    if type(value) is int and minimum <= value <= INT64_MAX:
        return value
    number = _index(value)
    if number is None:
        raise ValueError(f"`{name}`={value!r} is not an integer")
    _check_range(name, value, number, minimum)
    return number


def as_pair(name: str, value: object, minimum: int) -> Pair:
    """Return an integer as a pair of itself, and a sequence of two integers as a tuple."""
    if type(value) is int and minimum <= value <= INT64_MAX:
        return value, value
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        number = _index(value)
        if number is None:
            raise ValueError(f"`{name}`={value!r} is neither an integer nor a pair of integers")
        _check_range(name, value, number, minimum)
        return number, number
    if len(value) != 2:
        raise ValueError(f"`{name}`={value!r} has length {len(value)} instead of 2")
    first, second = _index(value[0]), _index(value[1])
    if first is None or second is None:
        raise ValueError(f"`{name}`={value!r} is neither an integer nor a pair of integers")
    _check_range(name, value, first, minimum)
    _check_range(name, value, second, minimum)
    return first, second


def _index(value: object) -> int | None:
    """Return an integer, a NumPy integer or a one-element integer tensor as an int."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool"):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def _check_range(name: str, shown: object, number: int, minimum: int) -> None:
    """Refuse what is too small, and what does not fit torch's 64-bit sizes."""
    if number < minimum:
        raise ValueError(f"`{name}`={shown!r} must be at least {minimum}")
    if number > INT64_MAX:
        raise ValueError(f"`{name}`={shown!r} does not fit in a 64-bit integer")


def _padding(padding: Padding) -> Pair | str:
    """Return the padding as a pair, or as the string that stands for one."""
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise ValueError(f"`padding`={padding!r} is not 'valid', 'same', an integer or a pair")
        return padding
    return as_pair("padding", padding, 0)
