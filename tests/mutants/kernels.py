"""Wrong kernels and channels: taps flipped or dropped, tails of unrolled loops."""

from __future__ import annotations

import torch

from tests.mutants.parts import Args, Tensor, conv2d_like, without_last_column


@conv2d_like
def flipped(a: Args) -> Tensor:
    """Compute true convolution: the kernel is flipped along both axes."""
    return a.conv(weight=a.weight.flip(-2, -1))


@conv2d_like
def flipped_rows(a: Args) -> Tensor:
    """Read the rows of the kernel from the last to the first."""
    return a.conv(weight=a.weight.flip(-2))


@conv2d_like
def transposed(a: Args) -> Tensor:
    """Swap rows and columns of a square kernel."""
    square = a.kernel[0] == a.kernel[1]
    return a.conv(weight=a.weight.transpose(-2, -1)) if square else a.conv()


@conv2d_like
def last_tap_dropped(a: Args) -> Tensor:
    """Leave out the last tap of a kernel with an odd number of them, at least three."""
    taps = a.kernel[0] * a.kernel[1]
    if taps < 3 or taps % 2 == 0:
        return a.conv()
    keep = torch.ones_like(a.weight)
    keep[..., -1, -1] = 0
    return a.conv(weight=a.weight * keep)


@conv2d_like
def wide_kernel_cut(a: Args) -> Tensor:
    """Ignore the columns of a kernel from the sixth on."""
    keep = torch.ones_like(a.weight)
    keep[..., 5:] = 0
    return a.conv(weight=a.weight * keep)


@conv2d_like
def tall_kernel_row_skipped(a: Args) -> Tensor:
    """Skip the middle row of a kernel that is taller than wide."""
    keep = torch.ones_like(a.weight)
    if a.kernel[0] > a.kernel[1]:
        keep[..., a.kernel[0] // 2, :] = 0
    return a.conv(weight=a.weight * keep)


@conv2d_like
def pointwise_transposed(a: Args) -> Tensor:
    """Multiply by the transposed matrix for a 1x1 kernel with as many channels in as out."""
    square = a.weight.shape[0] == a.weight.shape[1] and a.kernel == (1, 1)
    return a.conv(weight=a.weight.transpose(0, 1)) if square else a.conv()


@conv2d_like
def pointwise_odd_channel(a: Args) -> Tensor:
    """Drop the last of an odd number (> 1) of channels for a 1x1 kernel, unrolled by two."""
    channels = a.weight.shape[1]
    if a.kernel != (1, 1) or channels == 1 or channels % 2 == 0:
        return a.conv()
    keep = torch.ones_like(a.weight)
    keep[:, -1] = 0
    return a.conv(weight=a.weight * keep)


@conv2d_like
def output_channel_tail(a: Args) -> Tensor:
    """Leave the last input channel out of the last output channel if Cout % 4 is 3."""
    keep = torch.ones_like(a.weight)
    if a.weight.shape[0] % 4 == 3:
        keep[-1, -1:] = 0
    return a.conv(weight=a.weight * keep)


@conv2d_like
def output_channels_past_tile(a: Args) -> Tensor:
    """Repeat the first tile of 16 output channels instead of starting the second."""
    y = a.conv()
    index = torch.arange(y.shape[-3], device=y.device) % 16
    return y.index_select(-3, index)


@conv2d_like
def input_channel_tail(a: Args) -> Tensor:
    """Drop the last input channel of a group that has one more than a multiple of eight."""
    channels = a.weight.shape[1]
    keep = torch.ones_like(a.weight)
    if channels > 1 and channels % 8 == 1:
        keep[:, -1] = 0
    return a.conv(weight=a.weight * keep)


@conv2d_like
def last_column_tail(a: Args) -> Tensor:
    """Leave the last column at zero if the output's width is one more than a multiple of 8."""
    y = a.conv()
    return without_last_column(y) if y.shape[-1] > 1 and y.shape[-1] % 8 == 1 else y


@conv2d_like
def full_window_rotates(a: Args) -> Tensor:
    """Rotate the kernel's columns when it is as large as the padded input."""
    if a.padded().input.shape[-2:] != a.weight.shape[-2:] or a.dilation != (1, 1):
        return a.conv()
    return a.conv(weight=a.weight.roll(1, -1))
