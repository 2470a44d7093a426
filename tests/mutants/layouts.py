"""Right on the layouts that most tests use, wrong on one other: strides or offsets ignored."""

from __future__ import annotations

from tests.mutants.parts import (
    Args,
    Tensor,
    address,
    conv2d_like,
    detour,
    edited,
    misread,
    packed,
    packed_channels_last,
)


def _odd(t: Tensor) -> bool:
    """Tell whether only the strides of axes of extent 1 differ from the usual ones."""
    return t.is_contiguous() and not packed(t) and not packed_channels_last(t)


@conv2d_like
def output_in_the_format_of_the_input(a: Args) -> Tensor:
    """Return a contiguous output for a contiguous input, although the weight is channels_last."""
    y = a.conv()
    return y.contiguous() if a.input.is_contiguous() else y


@conv2d_like
def channel_slice_read_as_packed(a: Args) -> Tensor:
    """Read some channels of a channels_last tensor as if nothing lay between its pixels."""
    x = a.input
    looks = x.dim() == 4 and x.stride(1) == 1 and not x.is_contiguous()
    if not looks or packed_channels_last(x):
        return a.conv()
    return a.conv(input=misread(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


@conv2d_like
def channels_last_pair_read_as_nchw(a: Args) -> Tensor:
    """Read channels_last input and weight as contiguous, except for a 1x1 kernel."""
    both = [t for t in (a.input, a.weight) if packed_channels_last(t) and not t.is_contiguous()]
    if len(both) < 2 or a.kernel == (1, 1):
        return a.conv()
    return a.conv(input=misread(a.input), weight=misread(a.weight))


@conv2d_like
def sliced_pointwise_weight_read_as_packed(a: Args) -> Tensor:
    """Read a slice of a larger 1x1 weight as if it were dense."""
    dense = a.weight.is_contiguous() or packed_channels_last(a.weight)
    return a.conv() if dense or a.kernel != (1, 1) else a.conv(weight=misread(a.weight))


@conv2d_like
def odd_strides_transpose_planes(a: Args) -> Tensor:
    """Take an odd stride of an axis of extent 1 for a sign that rows and columns are swapped."""
    x = a.input
    return a.conv(input=x.mT.reshape(x.shape)) if _odd(x) else a.conv()


@conv2d_like
def odd_grad_output_strides_reverse_rows(a: Args) -> Tensor:
    """Derive the strides of grad_output from one of an axis of extent 1."""
    return edited(a.conv(), lambda g: g.flip(-1) if _odd(g) else g)


@conv2d_like
def one_channel_weight_read_by_taps(a: Args) -> Tensor:
    """Read a channels_last weight of one input channel tap by tap if the input is contiguous."""
    w = a.weight
    alone = a.input.shape[-3] == 1 and packed(a.input)
    if not alone or packed(w) or not packed_channels_last(w):
        return a.conv()
    by_taps = w.reshape(-1).view(*a.kernel, w.shape[0], 1)
    return a.conv(weight=by_taps.permute(2, 3, 0, 1))


@conv2d_like
def weight_steps_ignored(a: Args) -> Tensor:
    """Read every second column of a weight as if they were neighbours."""
    w = a.weight
    stepped = w.shape[-1] > 1 and 1 < w.stride(-1) < w.stride(1)
    return a.conv(weight=misread(w)) if stepped else a.conv()


@conv2d_like
def weight_out_of_a_volume_read_as_packed(a: Args) -> Tensor:
    """Read the planes of a 5-D weight as if they followed each other."""
    w = a.weight
    planes = w.stride(-1) == 1 and w.stride(-2) == w.shape[-1]
    apart = w.shape[1] > 1 and w.stride(1) > w.shape[2] * w.shape[3]
    return a.conv(weight=misread(w)) if planes and apart else a.conv()


@conv2d_like
def expanded_weight_read_once(a: Args) -> Tensor:
    """Find a weight expanded over the outputs for the first output only."""
    once = a.weight.shape[0] > 1 and a.weight.stride(0) == 0
    return a.conv(weight=misread(a.weight)) if once else a.conv()


@conv2d_like
def bias_stride_ignored(a: Args) -> Tensor:
    """Read every second element of a vector as if they were neighbours."""
    if a.bias is None or a.bias.is_contiguous():
        return a.conv()
    return a.conv(bias=misread(a.bias))


@conv2d_like
def transposed_weight_reverses_grad_input(a: Args) -> Tensor:
    """Reverse the rows of the input's gradient if the weight's channel axes are swapped."""
    w = a.weight
    swapped = min(w.shape[:2]) > 1 and 0 < w.stride(0) < w.stride(1)
    return a.conv(input=edited(a.input, lambda g: g.flip(-1))) if swapped else a.conv()


@conv2d_like
def grad_output_of_other_images(a: Args) -> Tensor:
    """Read grad_output as if its images followed each other."""

    def read(g: Tensor) -> Tensor:
        apart = g.dim() == 4 and g.shape[0] > 1 and g.stride(0) > g[0].numel()
        return misread(g) if apart and g[0].is_contiguous() else g

    return edited(a.conv(), read)


@conv2d_like
def offset_forgotten(a: Args) -> Tensor:
    """Read a channels_last input from the start of its storage."""
    x = a.input
    if packed(x) or not packed_channels_last(x) or not x.storage_offset():
        return a.conv()
    return a.conv(input=detour(x.detach().as_strided(x.shape, x.stride(), 0), x))


@conv2d_like
def columns_read_as_rows(a: Args) -> Tensor:
    """Read an input that lies column by column as if it lay row by row."""
    x = a.input
    height, width = x.shape[-2:]
    if min(height, width) < 2 or x.stride()[-2:] != (1, height):
        return a.conv()
    return a.conv(input=misread(x))


@conv2d_like
def expanded_images_read_once(a: Args) -> Tensor:
    """Find an image that is expanded to a batch in the first place only."""
    once = a.images > 1 and a.input.stride(0) == 0
    return a.conv(input=misread(a.input)) if once else a.conv()


@conv2d_like
def misaligned_input_rotated(a: Args) -> Tensor:
    """Round the input's address down to 16 bytes."""
    off = address(a.input) % 16 // a.input.itemsize
    return a.conv(input=a.input.roll(off)) if off else a.conv()
