r"""im2col as it is usually written in torch: unfold, and a matrix product per group.

Differentiable, because each of its steps is. The command that verifies it:

    pytest properties --conv2d-impl tests.outside.unfold_matmul:conv2d \
        --conv2d-only "dtype=float32|float64"
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from tests.outside.arguments import checked

Tensor = torch.Tensor
ONLY = ("dtype=float32|float64",)


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *arguments: Any) -> Tensor:
    """Take the arguments of `F.conv2d`, by position."""
    call, images = checked(x, weight, bias, *arguments)
    images = functional.pad(images, call.sides)
    terms, pixels = weight[0].numel(), call.size[0] * call.size[1]
    if terms:
        columns = functional.unfold(images, weight.shape[2:], call.dilation, 0, call.stride)
    else:  # unfold refuses an input without channels
        columns = images.reshape(len(images), 0, 1).expand(-1, -1, pixels)
    columns = columns.reshape(len(images), call.groups, terms, pixels)
    y = weight.reshape(call.groups, len(weight) // call.groups, terms) @ columns
    y = y.reshape(len(images), len(weight), *call.size)
    if bias is not None:
        y = y + bias[:, None, None]
    return y if x.dim() == 4 else y[0]
