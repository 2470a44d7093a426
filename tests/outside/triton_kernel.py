"""A direct convolution in Triton: a program takes a block of pixels of one output channel.

Forward only, float32. Without a GPU it runs in Triton's interpreter, which is slow. The command:

    pytest properties --conv2d-impl tests.outside.triton_kernel:conv2d --conv2d-seconds 120 \
        --conv2d-only "ONLY"      # on a GPU also --conv2d-device cuda
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
BLOCK = 64


@triton.jit  # type: ignore[untyped-decorator]
def _direct(  # type: ignore[no-untyped-def]  # Triton reads the annotations
    x, w, b, y, channels, height, width, per_group, groups, rows, columns, kernel_h, kernel_w,
    stride_h, stride_w, dilation_h, dilation_w, top, left,
    biased: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    plane = tl.program_id(0)  # of one image and one output channel
    outputs = per_group * groups
    image, output = plane // outputs, plane % outputs
    first = (image * groups + output // per_group) * channels
    pixel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    row, column = pixel // columns, pixel % columns
    total = tl.zeros((BLOCK,), tl.float32)
    for channel in range(channels):
        for i in range(kernel_h):
            for j in range(kernel_w):
                h = row * stride_h + i * dilation_h - top
                v = column * stride_w + j * dilation_w - left
                inside = (h >= 0) & (h < height) & (v >= 0) & (v < width)
                place = ((first + channel) * height + h) * width + v
                weight = tl.load(w + ((output * channels + channel) * kernel_h + i) * kernel_w + j)
                total += weight * tl.load(x + place, mask=inside, other=0.0)
    if biased:
        total += tl.load(b + output)
    tl.store(y + plane * rows * columns + pixel, total, mask=pixel < rows * columns)


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *arguments: Any) -> Tensor:
    """Take the arguments of `F.conv2d`, by position."""
    call, images = checked(x, weight, bias, *arguments)
    images, kernels = images.contiguous(), weight.contiguous()
    b = kernels if bias is None else bias.contiguous()
    rows, columns = call.size
    (top, _), (left, _) = call.pads
    y = images.new_empty(len(images), len(weight), rows, columns)
    grid = (len(images) * len(weight), triton.cdiv(rows * columns, BLOCK))
    if y.numel():
        _direct[grid](
            images, kernels, b, y, weight.shape[1], *images.shape[2:],
            len(weight) // call.groups, call.groups, rows, columns, *weight.shape[2:],
            *call.stride, *call.dilation, top, left, bias is not None, BLOCK,
        )  # fmt: skip
    return y if x.dim() == 4 else y[0]
