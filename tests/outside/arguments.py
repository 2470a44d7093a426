"""What a kernel must check and work out before it computes: the arguments of `F.conv2d`.

Written for the kernels of this package, and independent of the oracle's own `Conv2dParams`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

Tensor = torch.Tensor
Pair = tuple[int, int]
LARGEST = 1 << 40  # elements of an image's output, more than any memory holds


class Geometry(NamedTuple):
    """A valid call: pads are (top, bottom), (left, right); `size` is the output's height, width."""

    stride: Pair
    pads: tuple[Pair, Pair]
    dilation: Pair
    groups: int
    size: Pair

    @property
    def sides(self) -> list[int]:
        """The pads as `torch.nn.functional.pad` takes them."""
        (top, bottom), (left, right) = self.pads
        return [left, right, top, bottom]

    def taps(self, kernel: torch.Size) -> list[tuple[int, int, slice, slice]]:
        """Return each tap of a kernel, and the rows and columns of the padded input it reads."""
        (sh, sw), (dh, dw), (height, width) = self.stride, self.dilation, self.size
        return [
            (
                *(i, j),
                slice(i * dh, i * dh + sh * (height - 1) + 1, sh),
                slice(j * dw, j * dw + sw * (width - 1) + 1, sw),
            )
            for i in range(kernel[-2])
            for j in range(kernel[-1])
        ]


def checked(
    x: Tensor, weight: Tensor, bias: Tensor | None, *arguments: Any
) -> tuple[Geometry, Tensor]:
    """Return the geometry of a call of F.conv2d and its input as a batch.

    `arguments` are stride, padding, dilation and groups, by position. Raises TypeError or
    ValueError for a call that is no convolution, MemoryError for one that is too large.
    """
    given: list[Any] = [*arguments, *(1, 0, 1, 1)[len(arguments) :]]
    stride, padding, dilation, groups = given
    stride, dilation = _pair("stride", stride, 1), _pair("dilation", dilation, 1)
    groups = _whole("groups", groups, 1)
    _require_operands(x, weight, bias, groups)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    pads = _pads(padding, reach, stride)
    room = [n + sum(p) - r for n, p, r in zip(x.shape[-2:], pads, reach, strict=True)]
    if min(room) < 0:
        raise ValueError(f"the kernel reaches over {reach}, more than the padded input has")
    height, width = (r // s + 1 for r, s in zip(room, stride, strict=True))
    if height * width * len(weight) >= LARGEST:
        raise MemoryError(f"an output of {len(weight)}x{height}x{width}")
    geometry = Geometry(stride, pads, dilation, groups, (height, width))
    return geometry, x if x.dim() == 4 else x[None]


def _require_operands(x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    operands = [x, weight, *([] if bias is None else [bias])]
    if not all(isinstance(operand, torch.Tensor) for operand in operands):
        raise TypeError("input, weight and bias are tensors")
    if len({(t.dtype, t.device) for t in operands}) > 1:
        raise ValueError("the operands have one dtype and one device")
    if x.dim() not in (3, 4) or weight.dim() != 4 or 0 in (len(weight), *weight.shape[2:]):
        raise ValueError(f"input {tuple(x.shape)}, weight {tuple(weight.shape)}")
    if 0 in x.shape[-2:] and 0 not in x.shape[:-2]:
        raise ValueError(f"input {tuple(x.shape)} has no rows or no columns")
    if x.shape[-3] != weight.shape[1] * groups or len(weight) % groups:
        raise ValueError(f"{groups} groups of {tuple(weight.shape)} do not fit {tuple(x.shape)}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias {tuple(bias.shape)} for {len(weight)} channels")


def _pads(padding: Any, reach: list[int], stride: Pair) -> tuple[Pair, Pair]:
    if padding == "same":
        if stride != (1, 1):
            raise ValueError("padding 'same' has stride 1")
        top, left = ((r - 1) // 2 for r in reach)
        return (top, reach[0] - 1 - top), (left, reach[1] - 1 - left)
    rows, columns = (0, 0) if padding == "valid" else _pair("padding", padding, 0)
    return (rows, rows), (columns, columns)


def _pair(name: str, value: Any, least: int) -> Pair:
    several = isinstance(value, tuple | list)
    rows, columns = value if several else (value, value)  # ValueError for another length
    return _whole(name, rows, least), _whole(name, columns, least)


def _whole(name: str, value: Any, least: int) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{name}={value!r} is no integer")
    if not least <= value < 1 << 62:
        raise ValueError(f"{name}={value} is out of range")
    return value
