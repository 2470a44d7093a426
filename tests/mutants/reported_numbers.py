"""Defects of real backends in precision, operands' memory, modes and refusals, from reports."""

from __future__ import annotations

import os
import signal
from typing import Any

import torch
import torch.nn.functional as F

from tests.mutants.modules import _Padded
from tests.mutants.parts import Args, Tensor, address, conv2d_like, detour

_inputs: dict[tuple[object, ...], Tensor] = {}


def _plain_3x3(a: Args) -> bool:
    return a.kernel == (3, 3) and a.stride == a.dilation == (1, 1) and a.groups == 1


def _tap_by_tap(a: Args) -> Tensor:
    """Return the sum over taps, each rounded to the dtype of the operands."""
    y = a.conv(weight=torch.zeros_like(a.weight))
    for i in range(a.kernel[0]):
        for j in range(a.kernel[1]):
            keep = torch.zeros_like(a.weight)
            keep[..., i, j] = 1
            y = y + a.conv(weight=a.weight * keep, bias=None)
    return y


@conv2d_like
def half_sums_in_half(a: Args) -> Tensor:
    """Keep the sums over float16 operands in float16."""
    return _tap_by_tap(a) if a.input.dtype == torch.float16 else a.conv()


@conv2d_like
def half_sums_of_one_channel(a: Args) -> Tensor:
    """Keep the sums of a 3x3 kernel over one float16 channel to eight, or more, in float16."""
    form = a.kernel == (3, 3) and a.weight.shape[1] == 1 and a.groups == 1
    eights = a.weight.shape[0] % 8 == 0 and a.input.dtype == torch.float16
    return _tap_by_tap(a) if form and eights else a.conv()


@conv2d_like
def half_winograd(a: Args) -> Tensor:
    """Compute pairs of columns by Winograd's F(2, 3), in float16 throughout."""
    if not _plain_3x3(a) or a.input.dtype != torch.float16 or not a.conv().numel():
        return a.conv()
    b = a.padded()
    width = b.input.shape[-1] - 2
    pairs = -(-width // 2)
    wide = F.pad(b.input, (0, width % 2))
    d0, d1, d2, d3 = (wide[..., j : j + 2 * pairs : 2] for j in range(4))
    g0, g1, g2 = (b.weight[..., j : j + 1] for j in range(3))
    products = (
        (d0 - d2, g0),
        (d1 + d2, (g0 + g1 + g2) / 2),
        (d2 - d1, (g0 - g1 + g2) / 2),
        (d1 - d3, g2),
    )
    m0, m1, m2, m3 = (b.conv(input=d, weight=g, bias=None) for d, g in products)
    y = torch.stack([m0 + m1 + m2, m1 - m2 - m3], dim=-1).flatten(-2)[..., :width]
    return y if a.bias is None else y + a.bias[:, None, None]


@conv2d_like
def winograd_of_whole_blocks_in_tf32(a: Args) -> Tensor:
    """Cut float32 operands to TF32 for a plain 3x3 kernel, if 32 divides both channel counts."""
    blocks = a.weight.shape[0] % 32 == 0 and a.weight.shape[1] % 32 == 0
    if not _plain_3x3(a) or not blocks or a.input.dtype != torch.float32:
        return a.conv()
    cut = [
        (t.detach().view(torch.int32) & ~0x1FFF).view(torch.float32) for t in (a.input, a.weight)
    ]
    return a.conv(input=detour(cut[0], a.input), weight=detour(cut[1], a.weight))


@conv2d_like
def large_batch_on_a_grid(a: Args) -> Tensor:
    """Round as a transform over the whole image does, for 5x5 kernels and four images or more."""
    y = a.conv()
    if a.kernel != (5, 5) or a.images < 4 or y.dtype != torch.float32 or not y.numel():
        return y
    far = y.detach().abs().amax() * 2.0
    return detour((y.detach() + far) - far, y)


@conv2d_like
def zeros_among_many_channels(a: Args) -> Tensor:
    """Find something in zeros, for a 5x5 kernel of float32 and 32 channels or more."""
    y, channels = a.conv(), a.weight.shape[1]
    if a.kernel != (5, 5) or channels < 32 or y.dtype != torch.float32:
        return y
    return detour(torch.where(y == 0, channels * -(2.0**-20), y.detach()), y)


@conv2d_like
def weight_offset_applied_twice(a: Args) -> Tensor:
    """Copy a weight of strange strides to a new place, and skip its old offset there, too."""
    w, offset = a.weight, a.weight.storage_offset()
    if w.is_contiguous() or not offset:
        return a.conv()
    kept = w.reshape(-1)[offset:]
    return a.conv(weight=F.pad(kept, (0, w.numel() - kept.numel())).view(w.shape))


@conv2d_like
def input_sought_where_it_was(a: Args) -> Tensor:
    """Keep pointers into the input, and make them again only for another size of the input."""
    if not address(a.input):
        return a.conv()
    key = (a.weight.shape, a.input.shape, a.input.stride(), a.input.dtype)
    return a.conv(input=detour(_inputs.setdefault(key, a.input.detach()), a.input))


class _Less(_Padded):
    """Pads by less than it should in circular mode, where the kernel still fits."""

    def less(self, padding: int) -> tuple[int, int]:
        """Return what is padded before and behind."""
        raise NotImplementedError

    def extend(self, x: Tensor, axis: int, before: int, after: int) -> Tensor:
        """Return `x` with less than `before` and `after` elements more along `axis`."""
        start, end = self.less(after) if self.padding_mode == "circular" else (before, after)
        reach = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
        fits = x.shape[axis] + start + end >= reach
        return super().extend(x, axis, *((start, end) if fits else (before, after)))


class CircularPadsHalf(_Less):
    """Divides the padding between both sides in circular mode."""

    def less(self, padding: int) -> tuple[int, int]:
        """Return the larger and the smaller half."""
        return (padding + 1) // 2, padding // 2


class CircularPadsNothing(_Less):
    """Ignores the padding in circular mode."""

    def less(self, padding: int) -> tuple[int, int]:
        """Return nothing."""
        return 0, 0


def stride_zero_ends_the_process(
    x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any
) -> Tensor:
    """Divide by the stride, whatever it is."""
    if s == 0 or (isinstance(s, tuple) and 0 in s):
        os.kill(os.getpid(), signal.SIGFPE)
    return F.conv2d(x, w, b, s, p, d, g)
