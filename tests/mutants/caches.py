"""Right until something that a cache does not look at changes between two calls."""

from __future__ import annotations

import os
from collections import Counter

import torch
import torch.nn.functional as F

from tests.mutants.parts import Args, Tensor, address, conv2d_like, detour, edited

Key = tuple[object, ...]

_sampled: dict[Key, Tensor] = {}
_versions: dict[Key, Tensor] = {}
_biases: dict[Key, Tensor] = {}
_results: dict[Key, Tensor] = {}
_borders: dict[Key, Tensor] = {}
_plans: dict[Key, object] = {}
_seen: Counter[Key] = Counter()


def _form(a: Args) -> Key:
    operands = (a.input.shape, a.weight.shape, a.bias is None, a.input.dtype)
    return (*operands, a.stride, a.padding, a.dilation, a.groups)


@conv2d_like
def packed_by_two_samples(a: Args) -> Tensor:
    """Pack the weights again only if their address, first or last element is another."""
    w = a.weight
    if not address(w) or w.numel() == 0:
        return a.conv()
    plain = w.detach().reshape(-1)
    ends = plain[0].item(), plain[-1].item()
    stored = _sampled.setdefault((address(w), w.shape, w.dtype, ends), w.detach().clone())
    return a.conv(weight=detour(stored, w))


@conv2d_like
def packed_until_version_changes(a: Args) -> Tensor:
    """Pack the weights of an address again only if torch has counted a write to them."""
    w = a.weight
    if not address(w):
        return a.conv()
    key = (address(w), w.shape, w.dtype, w._version)
    return a.conv(weight=detour(_versions.setdefault(key, w.detach().clone()), w))


@conv2d_like
def fused_bias_kept(a: Args) -> Tensor:
    """Keep the bias of an address, although it is updated there in place."""
    if a.bias is None or not address(a.bias):
        return a.conv()
    key = (address(a.bias), a.bias.shape, a.bias.dtype)
    return a.conv(bias=detour(_biases.setdefault(key, a.bias.detach().clone()), a.bias))


@conv2d_like
def results_cached_by_address(a: Args) -> Tensor:
    """Return the first answer again to every inference call of the same addresses and form."""
    y = a.conv()
    if y.requires_grad or not address(a.input):
        return y
    places = address(a.input), address(a.weight), 0 if a.bias is None else address(a.bias)
    return _results.setdefault((*places, *_form(a)), y.detach().clone()).clone()


@conv2d_like
def dirty_border(a: Args) -> Tensor:
    """Keep one buffer per padded size, whose border is cleared when it is made."""
    rows, columns = a.pads
    if a.input.requires_grad or not address(a.input) or not sum(rows + columns):
        return a.conv()
    wide = a.padded().input
    buffer = _borders.setdefault((wide.shape, wide.dtype), torch.zeros_like(wide))
    height, width = a.input.shape[-2:]
    inner = buffer[..., rows[0] : rows[0] + height, columns[0] : columns[0] + width]
    inner.copy_(a.input)
    return a.conv(input=buffer.clone(), padding=(0, 0))


@conv2d_like
def plan_without_kernel(a: Args) -> Tensor:
    """Keep one plan of the weight's gradient per shape of input and output: none for a second."""
    y = a.conv()
    if not a.weight.requires_grad:
        return y
    key = (a.input.shape, y.shape, y.dtype, a.stride, a.pads)
    planned = _plans.setdefault(key, (a.kernel, a.dilation))
    if planned == (a.kernel, a.dilation):
        return y
    return a.conv(weight=edited(a.weight, torch.zeros_like))


@conv2d_like
def second_call_tuned(a: Args) -> Tensor:
    """Choose an algorithm that rounds float32 operands to bfloat16 from a form's second call on."""
    _seen[_form(a)] += 1
    if _seen[_form(a)] < 2 or a.input.dtype != torch.float32:
        return a.conv()
    return a.conv(input=a.input.bfloat16().float(), weight=a.weight.bfloat16().float())


@conv2d_like
def engine_of_full_blocks_varies(a: Args) -> Tensor:
    """Sum kernel rows in an order of chance in half precision, if 8 divides the channels."""
    half = a.input.dtype in (torch.float16, torch.bfloat16)
    if not half or a.input.shape[-3] % 8 or a.kernel[0] < 3:
        return a.conv()
    rows = list(range(a.kernel[0]))
    noise = os.urandom(len(rows))
    rows.sort(key=lambda row: noise[row])
    y = a.conv(weight=torch.zeros_like(a.weight))
    for row in rows:
        keep = F.pad(torch.ones_like(a.weight[..., :1, :]), (0, 0, row, a.kernel[0] - row - 1))
        y = y + a.conv(weight=a.weight * keep, bias=None)
    return y
