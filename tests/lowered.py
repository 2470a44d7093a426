"""Convolutions of a known, lowered arithmetic, each in one respect: what a fingerprint must tell.

Stride 1, no dilation, no groups: all that the probes ask for.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

import torch
from torch.nn.functional import conv2d, pad

Tensor = torch.Tensor


def _padded(x: Tensor, padding: Any) -> Tensor:
    rows, columns = padding
    return pad(x, (columns, columns, rows, rows))


def _tap_sums(x: Tensor, w: Tensor) -> list[Tensor]:
    """Return the sums over channels in float32, tap by tap."""
    height, width = x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1
    return [
        conv2d(
            x[:, :, i : i + height, j : j + width].float(), w[:, :, i : i + 1, j : j + 1].float()
        )
        for i in range(w.shape[2])
        for j in range(w.shape[3])
    ]


def _column(bias: Tensor | None) -> Tensor | float:
    return 0.0 if bias is None else bias[:, None, None]


def tf32_operands(x: Tensor, w: Tensor, b: Tensor | None, *rest: Any) -> Tensor:
    """Round both operands to 11 bits, to nearest: add half a spacing, cut."""
    x, w = (((t.view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32) for t in (x, w))
    return conv2d(x, w, b, *rest)


def bfloat16_weight(x: Tensor, w: Tensor, b: Tensor | None, *rest: Any) -> Tensor:
    """Round the weight alone to bfloat16."""
    return conv2d(x, w.bfloat16().float(), b, *rest)


def float16_accumulator(
    x: Tensor, w: Tensor, b: Tensor | None, stride: Any, padding: Any, *_: Any
) -> Tensor:
    """Round to float16 after each addition of a product; products are float32."""
    x = _padded(x, padding)
    y = torch.zeros(())
    for channel in range(x.shape[1]):
        for products in _tap_sums(x[:, channel : channel + 1], w[:, channel : channel + 1]):
            y = (y + products).half().float()
    return (y + _column(b)).half().float()


def truncating_store(x: Tensor, w: Tensor, b: Tensor | None, *rest: Any) -> Tensor:
    """Cut a float32 sum to bfloat16, towards zero."""
    y = conv2d(x.float(), w.float(), None if b is None else b.float(), *rest)
    return (y.view(torch.int32) & ~0xFFFF).view(torch.float32).bfloat16()


def bias_after_rounding(x: Tensor, w: Tensor, b: Tensor | None, *rest: Any) -> Tensor:
    """Round the sum to the dtype, then add the bias."""
    return conv2d(x.float(), w.float(), None, *rest).to(x.dtype) + _column(b)


def rounding_per_tap(
    x: Tensor, w: Tensor, b: Tensor | None, stride: Any, padding: Any, *_: Any
) -> Tensor:
    """Round the sum to the dtype after each tap, and after the bias."""
    y = torch.zeros((), dtype=x.dtype)
    for products in _tap_sums(_padded(x, padding), w):
        y = (y.float() + products).to(x.dtype)
    return y + _column(b)


def flush_to_zero(x: Tensor, w: Tensor, b: Tensor | None, *rest: Any) -> Tensor:
    """Take subnormals for zeros, of operands and of results."""

    def flushed(t: Tensor) -> Tensor:
        return torch.where(t.abs() < torch.finfo(t.dtype).tiny, torch.zeros_like(t), t)

    return flushed(conv2d(flushed(x), flushed(w), b, *rest))


def four_multiplications(x: Tensor, w: Tensor, b: Tensor | None, *rest: Any) -> Tensor:
    """Multiply complex numbers by the definition: four real convolutions."""
    real = conv2d(x.real, w.real, None, *rest) - conv2d(x.imag, w.imag, None, *rest)
    imaginary = conv2d(x.real, w.imag, None, *rest) + conv2d(x.imag, w.real, None, *rest)
    return torch.complex(real, imaginary) + _column(b)


def winograd(
    x: Tensor, w: Tensor, b: Tensor | None, stride: Any, padding: Any, *rest: Any
) -> Tensor:
    """Use F(2x2, 3x3) for 3x3 kernels (Lavin & Gray 2015, section 4.1); extents are even."""
    if w.shape[2:] != (3, 3):
        return conv2d(x, w, b, stride, padding, *rest)
    t = torch.tensor([[1.0, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
    g = torch.tensor([[2.0, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2
    a = torch.tensor([[1.0, 1, 1, 0], [0, 1, -1, -1]])
    tiles = _padded(x, padding).unfold(2, 4, 2).unfold(3, 4, 2)
    products = torch.einsum("nchwij,ocij->nohwij", t @ tiles @ t.T, g @ w @ g.T)
    y = (a @ products @ a.T).permute(0, 1, 2, 4, 3, 5)
    return y.reshape(*y.shape[:2], y.shape[2] * 2, -1).contiguous() + _column(b)


def whole_plane(
    x: Tensor, w: Tensor, b: Tensor | None, stride: Any, padding: Any, *_: Any
) -> Tensor:
    """Transform the whole plane (FFT)."""
    x = _padded(x, padding)
    size = x.shape[2:]
    spectrum = torch.fft.rfft2(w.float(), s=size).conj()
    y: Tensor = torch.fft.irfft2(
        torch.einsum("ncij,ocij->noij", torch.fft.rfft2(x), spectrum), s=size
    )
    height, width = size[0] - w.shape[2] + 1, size[1] - w.shape[3] + 1
    return y[:, :, :height, :width].contiguous() + _column(b)


CALLS = itertools.count(1)


def never_the_same(x: Tensor, w: Tensor, b: Tensor | None, *rest: Any) -> Tensor:
    """Add the number of the call, in units of 2**-10."""
    return conv2d(x, w, b, *rest) + next(CALLS) * 2.0**-10


def refusing(x: Tensor, w: Tensor, b: Tensor | None, *rest: Any) -> Tensor:
    """Decline float16, raise for bfloat16, have no gradients, and die of 1x1 kernels."""
    if x.dtype == torch.float16:
        raise NotImplementedError("no float16 here")
    if x.dtype == torch.bfloat16:
        raise RuntimeError("bfloat16 is broken")
    if w.shape[2] == 1:
        os.abort()
    return conv2d(x, w, b, *rest).detach()
