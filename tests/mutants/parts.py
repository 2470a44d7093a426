"""What the mutants are built from: the arguments of a call, and two ways to falsify a gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F

Tensor = torch.Tensor
Pair = tuple[int, int]
Edit = Callable[[Tensor], Tensor]
# What no refusal is; other exceptions pass, since torch itself ends a recomputation by one.
ACCIDENTS = (AttributeError, LookupError, ArithmeticError)


@dataclass(frozen=True)
class Args:
    """The arguments of one call of conv2d; stride, dilation and integer padding are pairs."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None
    stride: Pair
    padding: Pair | str
    dilation: Pair
    groups: int

    def conv(self, **changes: Any) -> Tensor:
        """Return the right answer to the call, or to one with some arguments changed."""
        a = replace(self, **changes)
        return F.conv2d(a.input, a.weight, a.bias, a.stride, a.padding, a.dilation, a.groups)

    @property
    def kernel(self) -> Pair:
        """Height and width of the kernel."""
        return self.weight.shape[2], self.weight.shape[3]

    @property
    def images(self) -> int:
        """Number of images; 0 for an unbatched input."""
        return self.input.shape[0] if self.input.dim() == 4 else 0

    @property
    def reach(self) -> Pair:
        """Extents that the dilated kernel covers."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    @property
    def pads(self) -> tuple[Pair, Pair]:
        """Rows and columns that the padding adds: ((top, bottom), (left, right))."""
        if self.padding == "same":
            height, width = self.reach[0] - 1, self.reach[1] - 1
            return (height // 2, height - height // 2), (width // 2, width - width // 2)
        if isinstance(self.padding, str):
            return (0, 0), (0, 0)
        (h, w) = self.padding
        return (h, h), (w, w)

    def padded(self, pads: tuple[Pair, Pair] | None = None) -> Args:
        """Return the same call with its padding written into the input."""
        (top, bottom), (left, right) = self.pads if pads is None else pads
        return replace(self, input=F.pad(self.input, (left, right, top, bottom)), padding=(0, 0))

    @property
    def remainder(self) -> Pair:
        """Rows and columns of the padded input that the last window does not reach."""
        height, width = self.input.shape[-2:]
        (top, bottom), (left, right) = self.pads
        return (
            (height + top + bottom - self.reach[0]) % self.stride[0],
            (width + left + right - self.reach[1]) % self.stride[1],
        )


def conv2d_like(mutant: Callable[[Args], Tensor]) -> Callable[..., Tensor]:
    """Give a function of `Args` the signature of `torch.nn.functional.conv2d`.

    And its refusals: where the mutant fails on an invalid call, torch says what is wrong.
    """

    def conv2d(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Pair = 1,
        padding: int | Pair | str = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
    ) -> Tensor:
        try:
            pads = padding if isinstance(padding, str) else _pair(padding)
            return mutant(Args(input, weight, bias, _pair(stride), pads, _pair(dilation), groups))
        except ACCIDENTS:
            F.conv2d(input, weight, bias, stride, padding, dilation, groups)
            raise

    conv2d.__name__, conv2d.__doc__ = mutant.__name__, mutant.__doc__
    return conv2d


def _pair(value: int | Pair) -> Pair:
    rows, columns = (value, value) if isinstance(value, int) else value
    return rows, columns


class _Detour(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor, path: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep nothing."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, grad

    @staticmethod
    def jvp(ctx: Any, value: Tensor | None, path: Tensor) -> Tensor:
        return path.clone()


class _Edited(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(tensor: Tensor, edit: Edit) -> Tensor:
        return tensor.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.edit = inputs[1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.edit(grad), None

    @staticmethod
    def jvp(ctx: Any, tensor: Tensor, edit: None) -> Tensor:
        return tensor.clone()


def detour(value: Tensor, path: Tensor) -> Tensor:
    """Return `value`, whose gradient flows along `path` instead."""
    result: Tensor = _Detour.apply(value.detach(), path)  # type: ignore[no-untyped-call]
    return result


def edited(tensor: Tensor, edit: Edit) -> Tensor:
    """Return a copy of `tensor` whose gradient passes through `edit` on its way back."""
    result: Tensor = _Edited.apply(tensor, edit)  # type: ignore[no-untyped-call]
    return result


def without_last_column(y: Tensor) -> Tensor:
    """Return `y` with zeros in its last column."""
    return F.pad(y[..., :-1], (0, 1))


def misread(tensor: Tensor) -> Tensor:
    """Return the elements as they lie in memory, read in row-major order from the first one on.

    Past the end of the storage there are zeros. The gradient passes as if nothing were wrong. What
    lies nowhere, as under vmap, is read right.
    """
    if tensor.numel() == 0 or not address(tensor):
        return tensor
    plain = tensor.detach()
    size = plain.untyped_storage().nbytes() // plain.itemsize - plain.storage_offset()
    flat = plain.as_strided((size,), (1,))[: plain.numel()]
    flat = F.pad(flat, (0, plain.numel() - flat.numel()))
    return detour(flat.view(plain.shape), tensor)


def packed(tensor: Tensor) -> bool:
    """Tell whether the strides are, to the number, those of a new contiguous tensor."""
    return tensor.stride() == torch.empty(tensor.shape, device="meta").stride()


def packed_channels_last(tensor: Tensor) -> bool:
    """Tell whether the strides are, to the number, those of a new channels_last tensor."""
    if tensor.dim() != 4:
        return False
    like = torch.empty(tensor.shape, device="meta", memory_format=torch.channels_last)
    return tensor.stride() == like.stride()


def address(tensor: Tensor) -> int:
    """Return where a tensor lies in memory; 0 for one that lies nowhere, as under vmap."""
    try:
        return tensor.data_ptr()
    except RuntimeError:
        return 0


def fitted(y: Tensor, like: Tensor) -> Tensor:
    """Return `y` cut, or continued by zeros, to the height and width of `like`."""
    height, width = like.shape[-2:]
    cut = y[..., :height, :width]
    return F.pad(cut, (0, width - cut.shape[-1], 0, height - cut.shape[-2]))
