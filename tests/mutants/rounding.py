"""Too few bits in one path only: long sums, one dtype, one kernel, one pass."""

from __future__ import annotations

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like, detour


def _cut(t: Tensor, bits: int) -> Tensor:
    """Return a float32 tensor cut to so many significant bits."""
    mask = -1 << (24 - bits)
    return detour((t.detach().contiguous().view(torch.int32) & mask).view(torch.float32), t)


def _is_single(a: Args) -> bool:
    return a.input.dtype == torch.float32


@conv2d_like
def long_sums_in_half(a: Args) -> Tensor:
    """Round float32 sums of over 64 products to float16."""
    y = a.conv()
    terms = a.weight.shape[1] * a.kernel[0] * a.kernel[1]
    return detour(y.half().float(), y) if _is_single(a) and terms > 64 else y


@conv2d_like
def depthwise_sums_in_half(a: Args) -> Tensor:
    """Round the partial sums of a depthwise kernel in float32 to float16, row by row."""
    right = a.conv()
    if not _is_single(a) or a.groups == 1 or a.weight.shape[1] > 1:
        return right
    y = a.conv(weight=torch.zeros_like(a.weight))
    for row in range(a.kernel[0]):
        keep = torch.zeros_like(a.weight)
        keep[..., row, :] = 1
        y = (y + a.conv(weight=a.weight * keep, bias=None)).half().float()
    return detour(y, right)


@conv2d_like
def single_row_operands_cut(a: Args) -> Tensor:
    """Cut float32 operands to 9 bits if the kernel has one row and several columns."""
    if not _is_single(a) or a.kernel[0] != 1 or a.kernel[1] == 1:
        return a.conv()
    return a.conv(input=_cut(a.input, 9), weight=_cut(a.weight, 9))


@conv2d_like
def grad_weight_of_tf32_input(a: Args) -> Tensor:
    """Cut the input to the 11 bits of TF32 for the weight's gradient alone."""
    y = a.conv()
    return detour(y, a.conv(input=_cut(a.input, 11))) if _is_single(a) else y


@conv2d_like
def many_doubles_in_single(a: Args) -> Tensor:
    """Compute float64 in float32 from 16 channels on."""
    if a.input.dtype != torch.float64 or a.weight.shape[1] < 16:
        return a.conv()
    bias = None if a.bias is None else a.bias.float()
    return a.conv(input=a.input.float(), weight=a.weight.float(), bias=bias).double()
