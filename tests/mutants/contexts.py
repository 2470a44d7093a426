"""Right when called plainly; wrong in one mode of execution or in one way to ask for gradients."""

from __future__ import annotations

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like, edited, misread


def _batched(t: Tensor) -> bool:
    return torch._C._functorch.is_batchedtensor(t)


@conv2d_like
def channels_lost_without_grad(a: Args) -> Tensor:
    """Leave the output channels from the third on at zero where no gradients are recorded."""
    y = a.conv()
    if torch.is_grad_enabled() or y.shape[-3] < 3:
        return y
    rest = torch.zeros_like(y.narrow(-3, 2, y.shape[-3] - 2))
    return torch.cat([y.narrow(-3, 0, 2), rest], dim=-3)


@conv2d_like
def strided_inference_starts_at_one(a: Args) -> Tensor:
    """Put the strided windows one column further where no gradients are recorded."""
    if torch.is_grad_enabled() or a.stride[1] == 1:
        return a.conv()
    return a.conv(input=a.input.roll(-1, -1))


@conv2d_like
def inference_mode_rounds(a: Args) -> Tensor:
    """Round the operands to bfloat16 in inference mode."""
    if not torch.is_inference_mode_enabled():
        return a.conv()
    dtype = a.input.dtype
    return a.conv(input=a.input.bfloat16().to(dtype), weight=a.weight.bfloat16().to(dtype))


@conv2d_like
def vmap_without_bias_rotates(a: Args) -> Tensor:
    """Rotate the output channels under vmap if there is no bias."""
    mapped = _batched(a.input) or _batched(a.weight)
    return a.conv().roll(1, -3) if mapped and a.bias is None else a.conv()


@conv2d_like
def vmapped_weight_mixes_groups(a: Args) -> Tensor:
    """Hand each group of a vmapped weight the channels of the next one."""
    if not _batched(a.weight) or a.groups == 1:
        return a.conv()
    return a.conv(input=a.input.roll(a.input.shape[-3] // a.groups, -3))


@conv2d_like
def expanded_grad_output_read_once(a: Args) -> Tensor:
    """Find a grad_output of equal elements, as that of a sum, in the first place only."""

    def read(g: Tensor) -> Tensor:
        return misread(g) if g.numel() > 1 and not any(g.stride()) else g

    return edited(a.conv(), read)


@conv2d_like
def second_backward_doubles(a: Args) -> Tensor:
    """Add to the gradients of an output those of its earlier backward passes."""
    passes = []

    def count(g: Tensor) -> Tensor:
        passes.append(1)
        return g * len(passes)

    return edited(a.conv(), count)
