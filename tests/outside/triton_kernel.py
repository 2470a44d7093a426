r"""A direct convolution in Triton: a program takes a block of elements of the output.

Forward only, float32. Without a GPU it runs in Triton's interpreter, which is slow. The command,
to which `--conv2d-device cuda` belongs on a GPU:

    pytest properties --conv2d-impl tests.outside.triton_kernel:conv2d \
        --conv2d-seconds 180 \
        --conv2d-only "dtype=float32 passes=forward derivatives=first" \
        --conv2d-only "mode!=vmap-input|vmap-weight|vmap-all|compile|compile-inductor"
"""

from __future__ import annotations

import os
from typing import Any

import torch

from tests.outside.arguments import checked

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when Triton is imported

import triton
import triton.language as tl

Tensor = torch.Tensor
ONLY = (
    "dtype=float32",
    "passes=forward",
    "derivatives=first",
    # A kernel takes addresses: of no batched tensor of torch.vmap, nor of a traced one.
    "mode!=vmap-input|vmap-weight|vmap-all|compile|compile-inductor",
)
BLOCK = 1024


@triton.jit  # type: ignore[untyped-decorator]
def _direct(  # type: ignore[no-untyped-def]  # Triton reads the annotations
    x, w, b, y, count, channels, height, width, per_group, groups, rows, columns,
    kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left,
    biased: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    asked = place < count
    column, row = place % columns, place // columns % rows
    plane = place // (columns * rows)
    outputs = per_group * groups
    output, image = plane % outputs, plane // outputs
    first = (image * groups + output // per_group) * channels
    total = tl.zeros((BLOCK,), tl.float32)
    for channel in range(channels):
        for i in range(kernel_h):
            for j in range(kernel_w):
                h = row * stride_h + i * dilation_h - top
                v = column * stride_w + j * dilation_w - left
                inside = asked & (h >= 0) & (h < height) & (v >= 0) & (v < width)
                pixel = ((first + channel) * height + h) * width + v
                tap = ((output * channels + channel) * kernel_h + i) * kernel_w + j
                weight = tl.load(w + tap, mask=asked, other=0.0)
                total += weight * tl.load(x + pixel, mask=inside, other=0.0)
    if biased:
        total += tl.load(b + output, mask=asked, other=0.0)
    tl.store(y + place, total, mask=asked)


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *arguments: Any) -> Tensor:
    """Take the arguments of `F.conv2d`, by position."""
    call, images = checked(x, weight, bias, *arguments)
    # A kernel takes addresses: what torch negates only when it reads must be negated before.
    images, kernels = images.resolve_neg().contiguous(), weight.resolve_neg().contiguous()
    b = kernels if bias is None else bias.resolve_neg().contiguous()
    rows, columns = call.size
    (top, _), (left, _) = call.pads
    y = images.new_empty(len(images), len(weight), rows, columns)
    if y.numel():
        _direct[(triton.cdiv(y.numel(), BLOCK),)](
            images, kernels, b, y, y.numel(), weight.shape[1], *images.shape[2:],
            len(weight) // call.groups, call.groups, rows, columns, *weight.shape[2:],
            *call.stride, *call.dilation, top, left, bias is not None, BLOCK,
        )  # fmt: skip
    return y if x.dim() == 4 else y[0]
