"""Subclasses of nn.Conv2d whose padding modes, or whose use of the parameters, are wrong."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Index = Callable[[Tensor, int], Tensor]


class _Padded(nn.Conv2d):
    """Pads by `extend` along each axis in modes other than zeros, then convolves."""

    def extend(self, x: Tensor, axis: int, before: int, after: int) -> Tensor:
        """Return `x` with `before` and `after` elements more along `axis`."""
        size = x.shape[axis]
        return x.index_select(axis, self.index(torch.arange(-before, size + after), size))

    def index(self, i: Tensor, size: int) -> Tensor:
        """Return the elements that the positions `i` of an axis are copies of."""
        if self.padding_mode == "replicate":
            return i.clamp(0, size - 1)
        if self.padding_mode == "circular":
            return i % size
        return (size - 1) - ((size - 1) - i.abs()).abs()

    def pads(self) -> tuple[int, int, int, int]:
        """Return the rows above and below and the columns left and right."""
        left, right, top, bottom = self._reversed_padding_repeated_twice
        return top, bottom, left, right

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode == "zeros":
            plain: Tensor = super()._conv_forward(input, weight, bias)
            return plain
        top, bottom, left, right = self.pads()
        x = self.extend(self.extend(input, -2, top, bottom), -1, left, right)
        y: Tensor = F.conv2d(x, weight, bias, self.stride, 0, self.dilation, self.groups)
        return y


class ReflectRepeatsEdge(_Padded):
    """Repeats the edge itself when it reflects."""

    def index(self, i: Tensor, size: int) -> Tensor:
        """Return the elements to copy: -1 becomes 0 instead of 1."""
        if self.padding_mode != "reflect":
            return super().index(i, size)
        low = torch.where(i < 0, -i - 1, i)
        return torch.where(low >= size, 2 * size - 1 - low, low)


class CircularReplicates(_Padded):
    """Repeats the edge in circular mode."""

    def index(self, i: Tensor, size: int) -> Tensor:
        """Return the elements to copy: those beyond an edge are the edge."""
        return i.clamp(0, size - 1) if self.padding_mode == "circular" else super().index(i, size)


class CircularOneOff(_Padded):
    """Starts one element late when it wraps round at the end."""

    def index(self, i: Tensor, size: int) -> Tensor:
        """Return the elements to copy: `size` becomes 1 instead of 0."""
        late = (i >= size).long() if self.padding_mode == "circular" else 0
        return super().index(i, size) if size == 1 else super().index(i + late, size)


class ReplicateTakesZerosAtTheCorner(_Padded):
    """Leaves zeros where padded rows and padded columns meet in replicate mode."""

    def extend(self, x: Tensor, axis: int, before: int, after: int) -> Tensor:
        """Return `x` extended; the corners are zero."""
        wide = super().extend(x, axis, before, after)
        top, bottom, _, _ = self.pads()
        if self.padding_mode != "replicate" or axis == -2:
            return wide
        inside = torch.zeros_like(wide)
        inside[..., top : wide.shape[-2] - bottom, :] = 1
        inside[..., before : wide.shape[-1] - after] = 1
        return wide * inside


class ModesSwapAxes(_Padded):
    """Pads the rows by padding_w and the columns by padding_h in modes other than zeros."""

    def pads(self) -> tuple[int, int, int, int]:
        """Return the amounts of the other axis."""
        top, bottom, left, right = super().pads()
        return left, right, top, bottom


class ModesPadWithZeros(_Padded):
    """Pads with zeros in every mode."""

    def extend(self, x: Tensor, axis: int, before: int, after: int) -> Tensor:
        """Return `x` between zeros."""
        return F.pad(x, (before, after) if axis == -1 else (0, 0, before, after))


class ModesIgnoreBatch(_Padded):
    """Pads every image of a batch with the border of the first one in modes other than zeros."""

    def extend(self, x: Tensor, axis: int, before: int, after: int) -> Tensor:
        """Return `x` between borders of its first image."""
        wide = super().extend(x, axis, before, after)
        if wide.dim() == 3 or wide.shape[0] < 2:
            return wide
        first = wide[:1].expand_as(wide)
        size = wide.shape[axis] - before - after
        parts = [first.narrow(axis, 0, before), wide.narrow(axis, before, size)]
        return torch.cat([*parts, first.narrow(axis, before + size, after)], axis)


class BiasOfConstruction(nn.Conv2d):
    """Adds the bias of the layer's construction, not the parameter's present value."""

    def reset_parameters(self) -> None:
        """Remember the first bias."""
        super().reset_parameters()
        self.first_bias = None if self.bias is None else self.bias.detach().clone()

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        first = self.first_bias if bias is not None else None
        y: Tensor = super()._conv_forward(input, weight, first)
        return y
