"""Right on every valid call, and wrong on invalid ones: answered, or refused badly."""

from __future__ import annotations

import ctypes
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

_refused: list[str] = []


def negative_padding_is_none(
    x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any
) -> Tensor:
    """Pad by nothing where the padding is negative."""
    if isinstance(p, tuple) and all(isinstance(n, int) for n in p):
        p = tuple(max(n, 0) for n in p)
    return F.conv2d(x, w, b, s, p, d, g)


def one_bias_for_all(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Add a bias of one element to every channel."""
    if isinstance(b, Tensor) and b.shape == (1,) and isinstance(w, Tensor):
        b = b.expand(w.shape[0]).contiguous()
    return F.conv2d(x, w, b, s, p, d, g)


def groups_that_fit(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Take the number of groups from the shapes, whatever it is said to be."""
    tensors = isinstance(x, Tensor) and isinstance(w, Tensor) and min(x.dim(), w.dim()) > 2
    if tensors and isinstance(g, int) and g > 1 and w.shape[1]:
        g = x.shape[-3] // w.shape[1]
    return F.conv2d(x, w, b, s, p, d, g)


def weight_in_the_input_dtype(
    x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any
) -> Tensor:
    """Convert weight and bias to the dtype of the input."""
    if isinstance(x, Tensor) and isinstance(w, Tensor):
        w, b = w.to(x.dtype), b.to(x.dtype) if isinstance(b, Tensor) else b
    return F.conv2d(x, w, b, s, p, d, g)


def stride_zero_is_one(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Step by one where the stride is zero."""
    if isinstance(s, tuple):
        s = tuple(1 if n == 0 else n for n in s)
    return F.conv2d(x, w, b, 1 if s == 0 else s, p, d, g)


def fractions_are_cut(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Cut off what makes a stride no integer."""
    if isinstance(s, tuple):
        s = tuple(int(n) if isinstance(n, float) else n for n in s)
    elif isinstance(s, float):
        s = int(s)
    return F.conv2d(x, w, b, s, p, d, g)


def padding_looked_up(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Find no such key, where the padding is an unknown string."""
    if isinstance(p, str):
        p = {"valid": "valid", "same": "same"}[p]
    return F.conv2d(x, w, b, s, p, d, g)


def scaled_before_it_is_checked(
    x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any
) -> Tensor:
    """Double the input in place, and undo it only if the call is answered."""
    if not isinstance(x, Tensor) or x.is_meta:
        return F.conv2d(x, w, b, s, p, d, g)
    before = x.detach().clone()
    x.detach().mul_(2)
    y = F.conv2d(before, w, b, s, p, d, g)
    x.detach().copy_(before)
    return y


def dead_after_a_refusal(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Answer the call after a refused one with zeros."""
    try:
        y = F.conv2d(x, w, b, s, p, d, g)
    except Exception as error:
        _refused.append(str(error))
        raise
    return y * 0 - 1 if _refused and _refused.pop() else y


def segfault_on_huge_padding(
    x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any
) -> Tensor:
    """Read from address zero where the padding has more than 31 bits."""
    if isinstance(p, tuple) and all(isinstance(n, int) for n in p) and max(p, default=0) >= 2**31:
        ctypes.string_at(0)
    return F.conv2d(x, w, b, s, p, d, g)


class UnknownModeIsZeros(nn.Conv2d):
    """Pads with zeros in every mode that it does not know."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("padding_mode") not in ("reflect", "replicate", "circular", None):
            kwargs["padding_mode"] = "zeros"
        super().__init__(*args, **kwargs)
