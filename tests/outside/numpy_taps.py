r"""A function of NumPy arrays in a `torch.autograd.Function`: tap by tap, in float64.

It rounds once, to the operands' dtype, and so needs no arithmetic of its own declared. Integers
are summed modulo 2^64. The command that verifies it:

    pytest properties --conv2d-impl tests.outside.numpy_taps:conv2d \
        --conv2d-only "dtype!=float16|bfloat16 derivatives=first" \
        --conv2d-only "mode!=vmap-input|vmap-weight|vmap-all|compile|compile-inductor"
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tests.outside.arguments import Geometry, checked

Tensor = torch.Tensor
Array = np.ndarray[Any, Any]
ONLY = (
    # To 16 bits torch rounds a float64 twice: to float32 on the way.
    "dtype!=float16|bfloat16",
    # torch sees no steps to differentiate again, to batch or to trace: NumPy makes them.
    "derivatives=first",
    "mode!=vmap-input|vmap-weight|vmap-all|compile|compile-inductor",
)


def forward(call: Geometry, x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
    """Return the output for a batch of images."""
    images, kernels = _wide(functional.pad(x.detach(), call.sides)), _wide(w)
    grouped, split = _grouped(images, kernels, call.groups)
    y = np.zeros((len(x), *split.shape[:2], *call.size), images.dtype)
    for i, j, rows, columns in call.taps(w.shape):
        y += np.einsum("ngchw,goc->ngohw", grouped[..., rows, columns], split[..., i, j])
    y = y.reshape(len(x), len(w), *call.size)
    return _tensor(y if b is None else y + _wide(b)[:, None, None], x.dtype)


def backward(call: Geometry, x: Tensor, w: Tensor, upstream: Tensor) -> tuple[Tensor, ...]:
    """Return the gradients of input, weight and bias."""
    images, kernels, g = (
        _wide(operand) for operand in (functional.pad(x.detach(), call.sides), w, upstream)
    )
    grouped, split = _grouped(images.conj(), kernels.conj(), call.groups)
    for_x, for_w = np.zeros_like(grouped), np.zeros_like(split)
    by_group = g.reshape(len(x), *split.shape[:2], *call.size)
    for i, j, rows, columns in call.taps(w.shape):
        seen = grouped[..., rows, columns]
        for_x[..., rows, columns] += np.einsum("ngohw,goc->ngchw", by_group, split[..., i, j])
        for_w[..., i, j] = np.einsum("ngohw,ngchw->goc", by_group, seen)
    (top, _), (left, _) = call.pads
    inner = for_x.reshape(images.shape)[..., top:, left:][..., : x.shape[2], : x.shape[3]]
    found = inner, for_w.reshape(kernels.shape), g.sum((0, 2, 3))
    return tuple(_tensor(gradient, x.dtype) for gradient in found)


class _Taps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: Geometry, x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        ctx.call = call
        ctx.save_for_backward(x, w)
        return forward(call, x, w, b)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Any:
        x, w = ctx.saved_tensors
        found = backward(ctx.call, x, w, upstream)
        asked = ctx.needs_input_grad[1:]
        return None, *(g if a else None for g, a in zip(found, asked, strict=True))


def _wide(tensor: Tensor) -> Array:
    array: Array = tensor.detach().resolve_conj().resolve_neg().numpy()
    wide = {"f": np.float64, "c": np.complex128}.get(array.dtype.kind, np.int64)
    return array.astype(wide)


def _grouped(images: Array, kernels: Array, groups: int) -> tuple[Array, Array]:
    """Give both an axis of groups."""
    images = images.reshape(len(images), groups, kernels.shape[1], *images.shape[2:])
    return images, kernels.reshape(groups, len(kernels) // groups, *kernels.shape[1:])


def _tensor(array: Array, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(array).to(dtype)


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *arguments: Any) -> Tensor:
    """Take the arguments of `F.conv2d`, by position."""
    call, images = checked(x, weight, bias, *arguments)
    y: Tensor = _Taps.apply(call, images, weight, bias)
    return y if x.dim() == 4 else y[0]
