"""The factors of a case and its level in each: the vocabulary of coverage and of known defects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from properties.case import Case
from properties.domain import passes_of
from properties.kernels import kernels
from properties.memory_formats import memory_levels
from reference import BINARY16

Pair = tuple[int, int]


@lru_cache(maxsize=8)  # one call is asked about several times: when drawn, run and counted
def levels(case: Case) -> Mapping[str, str]:
    """Return the level of `case` in every factor."""
    found = {
        "dtype": case.dtype,
        **_kernel(case),
        **_stride(case),
        **_padding(case),
        **_again(case),
        **_sizes(case),
        **memory_levels(case),
        **kernels(case),
        "dilation": _pair(case.params.dilation),
        "dilation_h": "1" if case.params.dilation[0] == 1 else "2 or more",
        "dilation_w": "1" if case.params.dilation[1] == 1 else "2 or more",
        "groups": _groups(case),
        "group_channels": "1" if case.weight.shape[1] == 1 else "several",
        "bias": "yes" if case.bias is not None else "no",
        "passes": passes_of(case.gradients),
        "derivatives": case.derivative,
        "mode": case.mode,
        "values": _values(case),
        "sums": _sums(case),
        "numbers": "finite" if case.is_finite else "some infinite or NaN",
    }
    return MappingProxyType(found)


def _pair(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else "unequal"


def _kernel(case: Case) -> dict[str, str]:
    (kh, kw), (h, w) = case.weight.shape[-2:], case.input.shape[-2:]
    if kh == kw:
        form = "1x1" if kh == 1 else "square"
    else:
        form = {True: "1xK", False: "rectangle"}[kh == 1] if kw != 1 else "Kx1"
    fit = "inside"
    if (kh, kw) == (h, w):
        fit = "equal to the input"
    elif kh > h or kw > w:
        fit = "larger than the input"
    parity = {0: "even", 1: "mixed", 2: "odd"}[kh % 2 + kw % 2]
    size = "7 or more" if max(kh, kw) >= 7 else "below 7"
    wide = "1" if kw == 1 else "2 or more"
    return {
        "kernel_w": wide,
        "kernel": form,
        "kernel_parity": parity,
        "kernel_size": size,
        "kernel_fit": fit,
    }


def _stride(case: Case) -> dict[str, str]:
    stride, kernel = case.params.stride, case.weight.shape[-2:]
    larger = stride[0] > kernel[0] or stride[1] > kernel[1]
    left_over = any(
        (size + sum(pads) - dilation * (k - 1) - 1) % step
        for size, pads, dilation, k, step in zip(
            case.input.shape[-2:],
            case.params.pads(kernel),
            case.params.dilation,
            kernel,
            stride,
            strict=True,
        )
    )
    return {
        "stride": _pair(stride),
        "stride_h": "1" if stride[0] == 1 else "2 or more",
        "stride_w": "1" if stride[1] == 1 else "2 or more",
        "stride_w_size": _bits(stride[1]),
        "stride_vs_kernel": "larger" if larger else "within",
        "remainder": "left over" if left_over else "none",
    }


def _bits(step: int) -> str:
    if step < 2**13:
        return "below 2^13"
    return "2^13 or more" if step < 2**31 else "2^31 or more"


def _padding(case: Case) -> dict[str, str]:
    p, kernel = case.params, case.weight.shape[-2:]
    form = p.padding if isinstance(p.padding, str) else _pair(p.padding)
    pads = p.pads(kernel)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(p.dilation, kernel, strict=True))
    if not isinstance(p.padding, str) and pads[0][0] >= reach[0] and pads[1][0] >= reach[1]:
        form = "kernel or more"
    uneven = any(start != end for start, end in pads)
    below = all(max(pad) < k for pad, k in zip(pads, kernel, strict=True))
    return {
        "padding_vs_kernel": "below" if below else "kernel or more",
        "padding": form,
        "padding_ends": "uneven" if uneven else "even",
        "padding_mode": p.padding_mode,
        "rows": _reads(case, 0, kernel[0]),
        "columns": _reads(case, 1, kernel[1]),
        "padding_w": "0" if pads[1] == (0, 0) else "1 or more",
        "width_vs_dilation": "narrower" if case.input.shape[-1] < p.dilation[1] else "wider",
        "width_vs_stride": "narrower" if case.input.shape[-1] < p.stride[1] else "wider",
    }


def _reads(case: Case, axis: int, taps: int) -> str:
    """Tell whether one of so many taps of any output row (axis 0) or column (axis 1) is on it."""
    p = case.params
    start = p.pads(case.weight.shape[-2:])[axis][0]
    outputs, size = range(case.output_shape[axis - 2]), case.input.shape[axis - 2]
    hits = any(
        0 <= i * p.stride[axis] + tap * p.dilation[axis] - start < size
        for i in outputs
        for tap in range(taps)
    )
    return "read the input" if hits else "read only padding"


def _again(case: Case) -> dict[str, str]:
    """Return levels of the convolution that torch computes the second gradient of the weight by.

    It is one of the direction of the input by grad_output, with stride and dilation exchanged. Its
    outputs are the taps of the kernel, and those that would fit in what the last stride leaves.
    """
    p, pads = case.params, case.params.pads(case.weight.shape[-2:])
    rows, columns = (
        (case.input.shape[axis - 2] + sum(pads[axis]) - p.stride[axis] * (outputs - 1) - 1)
        // p.dilation[axis]
        + 1
        for axis, outputs in enumerate(case.output_shape[-2:])
    )
    return {
        "rows_again": _reads(case, 0, rows),
        "columns_again": _reads(case, 1, columns),
        "several_columns_again": "yes" if columns > 1 else "no",
    }


def _sizes(case: Case) -> dict[str, str]:
    batch = str(case.input.shape[0]) if len(case.input.shape) == 4 else "unbatched"
    images = 1 if batch == "unbatched" else case.input.shape[0]
    # What torch itself looks at when it chooses between oneDNN and its own code.
    large = min(case.weight.shape[-2:]) > 3 or math.prod(case.input.shape) > 20480
    several = images > 1 or case.params.groups > 1
    return {
        "work": "several images or groups, or large" if several or large else "small",
        "batch": batch,
        "images": "some" if images else "none",
        "pixels": "one" if case.input.shape[-2:] == (1, 1) else "several",
        "in_channels": str(case.input.shape[-3]),
        "out_channels": str(case.weight.shape[0]),
        "output_height": str(case.output_shape[-2]),
        "output_width": str(case.output_shape[-1]),
        "several_columns": "yes" if case.output_shape[-1] > 1 else "no",
        "several_rows": "yes" if case.output_shape[-2] > 1 else "no",
    }


def _groups(case: Case) -> str:
    groups, out, channels = case.params.groups, case.weight.shape[0], case.input.shape[-3]
    if groups == channels and groups > 1:
        return "depthwise" if out == groups else "multiplier"
    return str(groups) if groups <= 2 else "prime"


def _values(case: Case) -> str:
    kinds = [getattr(tensor.values, "kind", "explicit") for tensor in (case.input, case.weight)]
    return " x ".join(kinds)


def _sums(case: Case) -> str:
    """Tell whether some sum of products may lie beyond float16; other dtypes have the room."""
    if case.dtype != "float16":
        return "fit"
    terms = math.prod(case.weight.shape[1:])
    most = case.input.values.magnitude + case.weight.values.magnitude + terms.bit_length()
    offset = 0 if case.bias is None else case.bias.values.magnitude
    if most < BINARY16.max_exponent and offset < BINARY16.max_exponent - 1:
        return "fit"  # most do, to three quarters of that: their values need not be found out
    largest = {name: float(np.abs(a).max(initial=0.0)) for name, a in case.arrays.items()}
    size = terms * largest["input"] * largest["weight"] + largest.get("bias", 0.0)
    return "fit" if size < BINARY16.overflow_threshold else "may overflow"
