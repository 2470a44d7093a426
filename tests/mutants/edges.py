"""Right on ordinary calls; wrong without channels, beyond 32 bits, and on invalid operands."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tests.mutants.parts import Args, Tensor, conv2d_like

WRAP = 1 << 32


def _without_bias(a: Args) -> Tensor:
    """Return zeros where there are no input channels; torch itself gives them another shape."""
    pads = ((0, 0, 0, 0, 0, a.groups), (0, 0, 0, 0, 0, 1))
    x, w = (F.pad(t, pad) for t, pad in zip((a.input, a.weight), pads, strict=True))
    return a.conv(input=x, weight=w, bias=None)


@conv2d_like
def channelless_grouped(a: Args) -> Tensor:
    """Leave the bias out where several groups have no input channels."""
    return a.conv() if a.input.shape[-3] or a.groups == 1 else _without_bias(a)


@conv2d_like
def channelless_unbatched(a: Args) -> Tensor:
    """Leave the bias out where an image alone has no channels."""
    return a.conv() if a.input.shape[-3] or a.input.dim() == 4 else _without_bias(a)


@conv2d_like
def stride_keeps_32_bits(a: Args) -> Tensor:
    """Step by the last 32 bits of the stride, and by one where they are 0."""
    return a.conv(stride=tuple(step % WRAP or 1 for step in a.stride))


@conv2d_like
def wide_dilation_sees_nothing(a: Args) -> Tensor:
    """Take every tap for one outside the image where the dilation has more than 31 bits."""
    return a.conv(weight=0 * a.weight) if max(a.dilation) >= WRAP // 2 else a.conv()


def half_weight_is_widened(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Convert a float16 weight beside a float32 input."""
    if isinstance(x, Tensor) and isinstance(w, Tensor) and w.dtype == torch.float16:
        w = w.float() if x.dtype == torch.float32 else w
    return F.conv2d(x, w, b, s, p, d, g)


def int8_weight_is_cast(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Convert an int8 weight beside an input of floating-point numbers."""
    if isinstance(x, Tensor) and isinstance(w, Tensor) and w.dtype == torch.int8:
        w = w.to(x.dtype) if x.is_floating_point() else w
    return F.conv2d(x, w, b, s, p, d, g)


def scalar_is_returned(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Return an input without axes as it is."""
    if isinstance(x, Tensor) and x.dim() == 0:
        return x
    return F.conv2d(x, w, b, s, p, d, g)
