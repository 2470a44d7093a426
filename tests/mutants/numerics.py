"""Wrong arithmetic: too few bits, too small a range, or not bilinear."""

from __future__ import annotations

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like, detour


def _to_tf32(t: Tensor) -> Tensor:
    if t.dtype != torch.float32:
        return t
    return detour((t.detach().view(torch.int32) & ~0x1FFF).view(torch.float32), t)


@conv2d_like
def tf32_operands(a: Args) -> Tensor:
    """Cut float32 operands to the 11 significant bits of TF32."""
    return a.conv(input=_to_tf32(a.input), weight=_to_tf32(a.weight))


@conv2d_like
def bfloat16_operands(a: Args) -> Tensor:
    """Round float32 operands to bfloat16."""
    if a.input.dtype != torch.float32:
        return a.conv()
    return a.conv(input=a.input.bfloat16().float(), weight=a.weight.bfloat16().float())


@conv2d_like
def float16_accumulator(a: Args) -> Tensor:
    """Accumulate float32 products tap by tap in float16."""
    if a.input.dtype != torch.float32:
        return a.conv()
    y = a.conv(weight=torch.zeros_like(a.weight))
    for i in range(a.kernel[0]):
        for j in range(a.kernel[1]):
            keep = torch.zeros_like(a.weight)
            keep[..., i, j] = 1
            y = (y + a.conv(weight=a.weight * keep, bias=None)).half().float()
    return y


@conv2d_like
def float64_in_float32(a: Args) -> Tensor:
    """Compute a float64 convolution in float32."""
    bias = None if a.bias is None else a.bias.float()
    return a.conv(input=a.input.float(), weight=a.weight.float(), bias=bias).to(a.input.dtype)


@conv2d_like
def bias_in_bfloat16(a: Args) -> Tensor:
    """Round the bias to bfloat16."""
    bias = None if a.bias is None else a.bias.bfloat16().to(a.input.dtype)
    return a.conv(bias=bias)


@conv2d_like
def zero_point_not_cancelled(a: Args) -> Tensor:
    """Add 1024 to the input and subtract its share afterwards: ten bits are lost."""
    b = a.padded()
    offset = torch.full_like(b.input, 1024.0)
    return b.conv(input=b.input + offset) - b.conv(input=offset, bias=None)


@conv2d_like
def fixed_point_output(a: Args) -> Tensor:
    """Round the output to multiples of 2**-16."""
    y = a.conv()
    return detour(torch.round(y * 2.0**16) * 2.0**-16, y)


@conv2d_like
def small_outputs_flushed(a: Args) -> Tensor:
    """Flush outputs below 2**-12 to zero."""
    y = a.conv()
    return torch.where(y.abs() < 2.0**-12, torch.zeros_like(y), y)


@conv2d_like
def output_saturates(a: Args) -> Tensor:
    """Saturate the output at +-32."""
    return a.conv().clamp(-32.0, 32.0)


@conv2d_like
def fused_relu(a: Args) -> Tensor:
    """Apply a ReLU that nobody asked for when there is a bias."""
    return a.conv() if a.bias is None else a.conv().relu()


@conv2d_like
def quadratic_in_input(a: Args) -> Tensor:
    """Add x**2 / 1024 to the input."""
    return a.conv(input=a.input + a.input * a.input * 2.0**-10)


@conv2d_like
def weights_clipped(a: Args) -> Tensor:
    """Clip the weights to +-3."""
    return a.conv(weight=a.weight.clamp(-3.0, 3.0))


@conv2d_like
def int8_weights(a: Args) -> Tensor:
    """Quantise the weights to 8 bits with one scale for all."""
    if a.weight.numel() == 0:
        return a.conv()
    scale = a.weight.detach().abs().max().clamp(min=1e-30) / 127.0
    return a.conv(weight=detour(torch.round(a.weight / scale) * scale, a.weight))
