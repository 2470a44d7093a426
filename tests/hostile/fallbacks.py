"""Implementations that claim to be their own; all but the first let torch compute some calls."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import torch
import torch.nn.functional as F

Tensor = torch.Tensor
Pair = tuple[int, int]
LARGE = 200  # elements of the input from which a kernel "is not worth it"


def honest(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = (1, 1),
    padding: Pair | str = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Return the convolution: a matrix product of windows, for each group."""
    _require_valid(x, weight, bias, stride, padding, dilation, groups)
    batch = x if x.dim() == 4 else x[None]
    padded = F.pad(batch, _border(padding, dilation, weight.shape[2:]))
    (n, c, *extents), (o, _, *kernel) = padded.shape, weight.shape
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    if any(span > extent for span, extent in zip(spans, extents, strict=True)):
        raise ValueError(f"a kernel of {spans} is larger than an input of {extents}")
    size = [(e - f) // t + 1 for e, f, t in zip(extents, spans, stride, strict=True)]
    a, b, h, w = padded.stride()
    steps = (a, b, h * stride[0], w * stride[1], h * dilation[0], w * dilation[1])
    windows = padded.as_strided((n, c, *size, *kernel), steps)
    windows = windows.reshape(n, groups, c // groups, *size, *kernel)
    kernels = weight.reshape(groups, o // groups, c // groups, *kernel)
    y = torch.einsum("ngchwrs,gocrs->ngohw", windows, kernels).reshape(n, o, *size)
    y = y if bias is None else y + bias.reshape(-1, 1, 1)
    return y if x.dim() == 4 else y[0]


def _require_valid(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> None:
    """Raise TypeError or ValueError for what is no convolution."""
    operands = [x, weight] if bias is None else [x, weight, bias]
    if not all(isinstance(t, Tensor) for t in operands):
        raise TypeError("an operand is no tensor")
    border = (0, 0) if padding in ("same", "valid") else padding
    numbers = [*stride, *border, *dilation, groups]
    ranks = [x.dim() + (x.dim() == 3), weight.dim(), len(stride), len(border), len(dilation)]
    right = (
        ranks == [4, 4, 2, 2, 2]
        and all(type(n) is int for n in numbers)
        and min(*stride, *dilation, groups, weight.shape[0], *weight.shape[2:]) > 0
        and min(border) >= 0
        and (x.shape[-3], weight.shape[0] % groups) == (weight.shape[1] * groups, 0)
        and all((t.dtype, t.device) == (x.dtype, x.device) for t in operands)
        and (bias is None or bias.shape == weight.shape[:1])
        and (padding != "same" or max(stride) == 1)
    )
    if not right:
        raise ValueError("not a convolution")


def _border(padding: Any, dilation: Any, kernel: Any) -> tuple[int, int, int, int]:
    """Return the padding left and right, above and below."""
    if isinstance(padding, tuple):
        return padding[1], padding[1], padding[0], padding[0]
    total = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, kernel, strict=True)]
    top, left = (t // 2 for t in total)
    return left, total[1] - left, top, total[0] - top


def asks_for_the_shape(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    """Ask torch for the shape of the output, with operands without data: that is no computation."""
    meta: Any = [None if t is None else t.to("meta") for t in (x, weight, bias)]
    return honest(x, weight, bias, *rest).reshape(F.conv2d(*meta, *rest).shape)


def always(*args: Any) -> Tensor:
    """Call torch."""
    return F.conv2d(*args)


def when_large(x: Tensor, *args: Any) -> Tensor:
    """Call torch from some size on."""
    return F.conv2d(x, *args) if x.numel() >= LARGE else honest(x, *args)


def _undilated(x: Tensor, weight: Tensor, bias: Any, *args: Any) -> Tensor:
    if tuple(args[2]) != (1, 1):
        raise NotImplementedError("dilation")
    return honest(x, weight, bias, *args)


def when_it_fails(*args: Any) -> Tensor:
    """Try a kernel that has no dilation; call torch where it raises."""
    try:
        return _undilated(*args)
    except NotImplementedError:
        return F.conv2d(*args)


class _TorchGoesBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.rest = rest
        return honest(x, weight, *rest)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (x, weight), (bias, stride, padding, dilation, groups) = ctx.saved_tensors, ctx.rest
        sizes = None if bias is None else list(bias.shape)
        found = torch.ops.aten.convolution_backward(
            *(grads[0], x, weight, sizes, stride, padding, dilation, False, (0, 0), groups),
            [True, True, bias is not None],
        )
        return (*found, None, None, None, None)


def backwards(*args: Any) -> Tensor:
    """Have the gradients computed by torch; unbatched calls and names are somebody else's."""
    y: Tensor = _TorchGoesBack.apply(*args)  # type: ignore[no-untyped-call]
    return y


def compiled(*args: Any) -> Tensor:
    """Call torch from within what torch.compile has made."""
    y: Tensor = torch.compile(F.conv2d, backend="aot_eager", dynamic=False)(*args)
    return y


def _plain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.conv2d(x, weight, bias)


_one = torch.ones(1, 1, 1, 1)
with warnings.catch_warnings(action="ignore"):  # deprecated, and there
    _trace: Any = torch.jit.trace
    _traced = _trace(_plain, (_one, _one, _one.reshape(1)))


def scripted(*args: Any) -> Tensor:
    """Call torch from TorchScript, with the plain parameters."""
    y: Tensor = _traced(*args[:3])
    return y


def vmapped(x: Tensor, *args: Any) -> Tensor:
    """Call torch once for each image, under a transform."""
    y: Tensor = torch.vmap(lambda image: F.conv2d(image, *args))(x)
    return y


def by_name(x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, *rest: Any) -> Tensor:
    """Call the operator of one backend."""
    slow: Any = torch.ops.aten.thnn_conv2d  # as it is called without oneDNN
    y: Tensor = slow(x, weight, weight.shape[2:], bias, stride, padding)
    return y


def in_a_thread(*args: Any) -> Tensor:
    """Call torch in a thread of its own: not seen."""
    found: list[Tensor] = []
    thread = threading.Thread(target=lambda: found.append(F.conv2d(*args)))
    thread.start()
    thread.join()
    return found[0]
