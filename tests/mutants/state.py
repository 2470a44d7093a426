"""Right once: results that depend on earlier calls, on chance, or on stale caches."""

from __future__ import annotations

import itertools
import os

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like

_by_shape: dict[tuple[object, ...], Tensor] = {}
_by_address: dict[tuple[object, ...], Tensor] = {}
_results: dict[tuple[object, ...], Tensor] = {}
_parity = itertools.count()
_warm_up = itertools.count()


@conv2d_like
def weights_cached_by_shape(a: Args) -> Tensor:
    """Keep the first weights of each shape and dtype, as if packing them once were enough."""
    key = (a.weight.shape, a.weight.dtype)
    packed = _by_shape.setdefault(key, a.weight.detach().clone())
    return a.conv() if a.weight.requires_grad else a.conv(weight=packed)


@conv2d_like
def weights_cached_by_address(a: Args) -> Tensor:
    """Keep the packed weights of an address, although they are updated there in place."""
    key = (a.weight.data_ptr(), a.weight.shape, a.weight.dtype)
    packed = _by_address.setdefault(key, a.weight.detach().clone())
    # The difference is zero; its gradient is the weight's.
    return a.conv(weight=packed + (a.weight - a.weight.detach()))


@conv2d_like
def results_cached_by_shape(a: Args) -> Tensor:
    """Return the first answer again to every inference call of the same form."""
    y = a.conv()
    if y.requires_grad:
        return y
    form = (a.input.shape, a.weight.shape, a.bias is None, y.dtype)
    rest = (a.stride, a.padding, a.dilation, a.groups)
    return _results.setdefault((*form, *rest), y.clone()).clone()


@conv2d_like
def every_second_call_reversed(a: Args) -> Tensor:
    """Sum the halves of the channels apart in every second call."""
    half = a.weight.shape[1] // 2
    if next(_parity) % 2 == 0 or half == 0:
        return a.conv()
    low, high = torch.zeros_like(a.weight), torch.zeros_like(a.weight)
    low[:, half:], high[:, :half] = 1, 1
    return a.conv(weight=a.weight * low, bias=None) + a.conv(weight=a.weight * high)


@conv2d_like
def random_summation_order(a: Args) -> Tensor:
    """Sum kernel rows in an order that chance decides, as atomics do."""
    rows = list(range(a.kernel[0]))
    noise = os.urandom(len(rows))
    rows.sort(key=lambda row: noise[row])
    y = a.conv(weight=torch.zeros_like(a.weight), bias=None)
    for row in rows:
        keep = torch.zeros_like(a.weight)
        keep[..., row, :] = 1
        y = y + a.conv(weight=a.weight * keep, bias=None)
    return y if a.bias is None else y + a.bias[:, None, None]


@conv2d_like
def careless_after_warm_up(a: Args) -> Tensor:
    """Round its operands to bfloat16 from the fourth call on."""
    if next(_warm_up) < 3:
        return a.conv()
    dtype = a.input.dtype
    return a.conv(input=a.input.bfloat16().to(dtype), weight=a.weight.bfloat16().to(dtype))
