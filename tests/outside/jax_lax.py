r"""`jax.lax.conv_general_dilated` and its vector-Jacobian product, in an autograd function.

XLA compiles each shape anew, and flushes subnormals, which is declared beside this module. The
command that verifies it:

    pytest properties --conv2d-impl tests.outside.jax_lax:conv2d \
        --conv2d-arithmetic tests/outside/jax_lax.toml --conv2d-seconds 240 \
        --conv2d-only "dtype=float32|float64 groups=1 derivatives=first" \
        --conv2d-only "mode!=vmap-input|vmap-weight|vmap-all|compile|compile-inductor"
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np
import torch
from torch.autograd.function import once_differentiable

from tests.outside.arguments import Geometry, checked

jax.config.update("jax_enable_x64", True)

Tensor = torch.Tensor
ONLY = (
    "dtype=float32|float64",
    # Defects of jaxlib 0.10.2: a NaN gets, times zero, into results that do not see it where there
    # are groups: of another group in float64, of other pixels in float32's gradient by strides.
    "groups=1",
    # torch sees no steps to differentiate again, to batch or to trace: XLA makes them.
    "derivatives=first",
    "mode!=vmap-input|vmap-weight|vmap-all|compile|compile-inductor",
)


def _convolve(call: Geometry, x: Any, w: Any, *b: Any) -> Any:
    y = jax.lax.conv_general_dilated(
        x,
        w,
        call.stride,
        call.pads,
        rhs_dilation=call.dilation,
        feature_group_count=call.groups,
        precision=jax.lax.Precision.HIGHEST,
    )
    return y + b[0][:, None, None] if b else y


def _there(tensor: Tensor) -> Any:
    return jax.numpy.array(tensor.detach().resolve_neg().numpy())


def _back(array: Any) -> Tensor:
    return torch.from_numpy(np.array(array))


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: Geometry, *operands: Tensor) -> Tensor:
        ctx.call = call
        ctx.save_for_backward(*operands)
        return _back(_convolve(call, *map(_there, operands)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Any:
        operands = map(_there, ctx.saved_tensors)
        _, pullback = jax.vjp(partial(_convolve, ctx.call), *operands)
        found = pullback(_there(upstream))
        asked = ctx.needs_input_grad[1:]
        return None, *(_back(g) if a else None for g, a in zip(found, asked, strict=True))


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *arguments: Any) -> Tensor:
    """Take the arguments of `F.conv2d`, by position."""
    call, images = checked(x, weight, bias, *arguments)
    y: Tensor = _Convolution.apply(call, images, weight, *([] if bias is None else [bias]))
    return y if x.dim() == 4 else y[0]
