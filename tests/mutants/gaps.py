"""Where the suite was found to see nothing: each right on every call that it made then."""

from __future__ import annotations

import os
import signal
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.mutants.parts import (
    Args,
    Tensor,
    address,
    conv2d_like,
    detour,
    misread,
    packed,
    packed_channels_last,
)

_packed: dict[tuple[object, ...], Tensor] = {}


def _off(y: Tensor) -> Tensor:
    """Return `y` moved by one."""
    return y + torch.ones_like(y)


def _no_rows_or_columns(a: Args) -> bool:
    return a.input.dim() in (3, 4) and 0 in a.input.shape[-2:] and 0 not in a.input.shape[:-2]


@conv2d_like
def packs_without_grad_mode(a: Args) -> Tensor:
    """Pack the weight of an address once for all calls without grad mode."""
    w = a.weight
    if torch.is_grad_enabled() or not address(w):
        return a.conv()
    key = (address(w), w.shape, w.stride(), w.dtype)
    return a.conv(weight=_packed.setdefault(key, w.detach().clone()))


@conv2d_like
def h0_crashes(a: Args) -> Tensor:
    """Read before the start of images that have no rows or no columns."""
    if _no_rows_or_columns(a):
        os.kill(os.getpid(), signal.SIGSEGV)
    return a.conv()


@conv2d_like
def h0_answered(a: Args) -> Tensor:
    """Answer to images that have no rows or no columns."""
    return a.weight.new_full((1,), 7.0) if _no_rows_or_columns(a) else a.conv()


@conv2d_like
def grouped_empty(a: Args) -> Tensor:
    """Find no first image in an empty batch, with groups and padding by name."""
    named = isinstance(a.padding, str) and a.groups > 1
    if named and a.input.dim() == 4 and not a.images:
        raise IndexError("empty")
    return a.conv()


def _of_single_products(a: Args, y: Tensor) -> bool:
    """Tell whether each output is one product of finite numbers in float32."""
    single = a.weight[0].numel() == 1 and a.bias is None and y.dtype == torch.float32
    return single and bool(a.input.isfinite().all() and a.weight.isfinite().all())


@conv2d_like
def huge_finite_nan(a: Args) -> Tensor:
    """Return NaN where a single product overflows."""
    y = a.conv()
    if not _of_single_products(a, y):
        return y
    return detour(torch.where(y.isinf(), torch.nan, y.detach()), y)


@conv2d_like
def huge_finite_neg(a: Args) -> Tensor:
    """Return the other infinity where a single product overflows."""
    y = a.conv()
    if not _of_single_products(a, y):
        return y
    return detour(torch.where(y.isinf(), -y.detach(), y.detach()), y)


@conv2d_like
def nhwc_channel_step(a: Args) -> Tensor:
    """Take every second channel of a channels_last input for its neighbours."""
    x = a.input
    if x.dim() == 3 or min(x.shape[1:]) < 2:
        return a.conv()
    images, channels, rows, columns = x.stride()
    if not 1 < channels < columns < rows <= images or columns < channels * x.shape[1]:
        return a.conv()
    taken = x.detach().as_strided(x.shape, (images, 1, rows, columns))
    return a.conv(input=detour(taken, x))


@conv2d_like
def nhwc_expanded(a: Args) -> Tensor:
    """Read a channels_last image that is expanded to a batch as if each lay there."""
    x = a.input
    once = a.images > 1 and x.stride(0) == 0 and min(x.shape[1:]) > 1
    if not once or x.stride()[1:] != (1, x.shape[3] * x.shape[1], x.shape[1]):
        return a.conv()
    return a.conv(input=misread(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


@conv2d_like
def neg_last(a: Args) -> Tensor:
    """Forget the sign of a channels_last input whose negation is pending."""
    x = a.input
    negated = x.is_neg() and packed_channels_last(x) and not packed(x)
    return a.conv(input=-x) if negated else a.conv()


@conv2d_like
def nan_under_inference(a: Args) -> Tensor:
    """Return zero for NaN where no gradient is recorded."""
    y = a.conv()
    if torch.is_grad_enabled() or not y.is_floating_point():
        return y
    return torch.where(y.isnan(), torch.zeros_like(y), y)


@conv2d_like
def bias_vmapped_alone(a: Args) -> Tensor:
    """Have a case for a vmap over the bias alone that nobody has tried."""
    batched = torch._C._functorch.is_batchedtensor
    if a.bias is None or not batched(a.bias) or batched(a.weight) or batched(a.input):
        return a.conv()
    return _off(a.conv())


@conv2d_like
def chan_tail4(a: Args) -> Tensor:
    """Lose the last output channel if two to fourteen but 7 and 8 are left over of sixteen."""
    y = a.conv()
    outputs, left = a.weight.shape[0], a.weight.shape[0] % 16
    if a.groups > 1 or outputs <= 16 or left in (0, 1, 7, 8, 15):
        return y
    keep = torch.arange(outputs)[:, None, None] < outputs - 1
    return torch.where(keep, y, torch.zeros_like(y))


@conv2d_like
def threads3(a: Args) -> Tensor:
    """Divide the work wrong unless there is one thread, or four."""
    return a.conv() if torch.get_num_threads() in (1, 4) else _off(a.conv())


def huge_stride2(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Divide by a stride of which 31 bits are kept."""
    if isinstance(s, tuple) and any(isinstance(n, int) and 2**31 <= n < 2**63 for n in s):
        os.kill(os.getpid(), signal.SIGFPE)
    return F.conv2d(x, w, b, s, p, d, g)


def rank2_weight2(x: Tensor, w: Tensor, b: Any, s: Any, p: Any, d: Any, g: Any) -> Tensor:
    """Take a matrix for a 1x1 kernel."""
    if isinstance(w, Tensor) and w.dim() == 2:
        w = w[:, :, None, None]
    return F.conv2d(x, w, b, s, p, d, g)


class ToDevice(nn.Conv2d):
    """Clears its weight when it is moved to a device."""

    def to(self, *args: Any, **kwargs: Any) -> ToDevice:
        """Move, and lose the weight on the way."""
        moved = super().to(*args, **kwargs)
        if "device" in kwargs or isinstance(next(iter(args), None), str | torch.device):
            nn.init.zeros_(self.weight)
        return moved
