"""Known defects of oneDNN's gradients: narrow inputs in bfloat16, and strided 1x1 kernels."""

from __future__ import annotations

from properties.domain import FACTORS
from properties.known import Avoidance, KnownDefect
from properties.proofs import build, call, integers, ones

_AVX512 = build("onednn.bfloat16", cpu="AVX512")
_OF_WEIGHT = ("weight", "input+weight", "weight+bias", "input+weight+bias")
# oneDNN sums the gradient of the bias in the same kernel, also where it alone is asked for.
_OF_PARAMETERS = (*_OF_WEIGHT, "bias", "input+bias")
_OF_INPUT = ("input", "input+weight", "input+bias", "input+weight+bias")

_LARGE = tuple(map(str, range(28, 2**12)))  # extents of outputs; few such calls are drawn

_NARROW: dict[str, tuple[str, ...]] = {
    "dtype": ("bfloat16",),
    "images": ("some",),
    "passes": _OF_WEIGHT,
    "padding_w": ("1 or more",),
    "column_padding": ("less than the kernel",),  # the first column of outputs reads the input
    "width_vs_stride": ("narrower",),
    "dilation_w": ("1",),
    "kernel_w": ("2 or more",),
    "row_padding": ("at most half",),
    "height_steps": ("strided or dilated",),
}
_ONE_BY_ONE: dict[str, tuple[str, ...]] = {
    "dtype": ("bfloat16",),
    "images": ("some",),
    "kernel": ("1x1",),
    "groups": ("1",),
    "reads_as": ("channels_last",),
    "strides_tile": ("yes",),
}

GRADIENTS: tuple[KnownDefect, ...] = (
    KnownDefect(
        id="onednn-narrow-input",
        summary="wrong gradients of the weight from memory that was never written, in oneDNN's "
        "channels_last bfloat16 convolution, when a padded input is narrower than the stride of "
        "its columns (the AVX-512 kernel jit_bf16)",
        upstream="",
        affected=_AVX512,
        region={
            **_NARROW,
            "reads_as": ("channels_last",),
            "groups": ("1", "2", "multiplier", "prime"),
            "channel_blocks": ("full", "last one partial", "none"),
        },
        kind="value",
        shows_as=("relation", "nondeterminism", "class", "poison"),
        case=call(
            "bfloat16",
            ones(1, 4, 1, 1, layout="channels_last"),
            ones(4, 2, 1, 2),
            gradients=("weight",),
            grad_output=ones(1, 4, 1, 1),
            stride=[1, 2],
            padding=[0, 1],
            groups=2,
        ),
    ),
    KnownDefect(
        id="onednn-narrow-input-one-channel",
        summary="the same for a single input channel, and for depthwise groups; those of few taps "
        "with columns strided by 2 and little padding have a kernel of their own, which is right",
        upstream="",
        affected=_AVX512,
        region={
            **_NARROW,
            "reads_as": ("channels_last",),
            "groups": ("1", "depthwise"),
            "group_channels": ("1",),
        },
        kind="value",
        shows_as=("relation", "nondeterminism", "class", "poison"),
        case=call(
            "bfloat16",
            ones(4, 7, 2, 1, layout="channels_last"),
            ones(7, 1, 2, 2),
            gradients=("weight",),
            grad_output=ones(4, 7, 1, 1),
            stride=[1, 3],
            padding=[0, 1],
            groups=7,
        ),
    ),
    KnownDefect(
        id="onednn-narrow-input-contiguous",
        summary="the same for contiguous tensors, which the kernel reads in blocks if a group "
        "has a multiple of 16 input channels, or the only group more than 16",
        upstream="",
        affected=_AVX512,
        region={**_NARROW, "reads_as": ("contiguous",), "channel_path": ("blocked",)},
        kind="value",
        shows_as=("relation", "nondeterminism", "class", "poison"),
        case=call(
            "bfloat16",
            ones(2, 16, 4, 1),
            ones(3, 16, 2, 2),
            gradients=("weight",),
            grad_output=ones(2, 3, 3, 1),
            stride=[1, 2],
            padding=[0, 1],
        ),
    ),
    KnownDefect(
        id="onednn-strided-1x1-input",
        summary="wrong gradients of the input of a strided 1x1 kernel with a dilation (which has "
        "no meaning there, but makes oneDNN take jit_bf16_1x1), channels_last, if the output "
        "channels are odd in number and 30 outputs are computed at once",
        upstream="",
        affected=_AVX512,
        region={
            **_ONE_BY_ONE,
            "passes": _OF_INPUT,
            "dilation": ("2", "3", "unequal"),
            "output_positions": ("multiple of 30",),
            "out_channels": tuple(map(str, range(1, 130, 2))),
        },
        kind="value",
        shows_as=("relation", "nondeterminism", "class", "poison"),
        case=call(
            "bfloat16",
            ones(1, 2, 4, 15, layout="channels_last"),
            ones(1, 2, 1, 1),
            gradients=("input",),
            grad_output=integers(1, 1, 2, 15),
            stride=[2, 1],
            dilation=[2, 1],
        ),
    ),
    KnownDefect(
        id="onednn-strided-1x1-weight",
        summary="heap corruption in the gradient of weight or bias of a strided 1x1 kernel, "
        "channels_last with fewer than 16 input channels: jit_bf16_1x1 copies the pixels that it "
        "reads in odd blocks, at steps of 16 channels, past the end of its scratch memory",
        upstream="",
        affected=_AVX512,
        region={
            **_ONE_BY_ONE,
            "passes": _OF_PARAMETERS,
            "in_channels": tuple(map(str, range(1, 15))),
            "odd_blocks": ("two or three",),
        },
        kind="crash",
        shows_as=("value", "relation", "nondeterminism", "class", "poison"),
        # 4001 is prime: the second of two blocks starts 128 KiB on, in 16 KiB. Of few outputs the
        # same damages the heap, and the process ends later or not at all.
        case=call(
            "bfloat16",
            ones(1, 1, 2, 8002, layout="channels_last"),
            ones(1, 1, 1, 1),
            gradients=("weight",),
            grad_output=ones(1, 1, 2, 4001),
            stride=[1, 2],
        ),
        avoid=Avoidance(min_height=16),  # four rows of outputs or more: more than three blocks
    ),
    KnownDefect(
        id="onednn-strided-1x1-weight-threads",
        summary="the same with several threads, which share the images, in float32 too: of more "
        "than 16 outputs in blocks of 8 that are not full, also where one thread writes nothing "
        "past its memory",
        upstream="",
        affected=_AVX512,
        region={
            **_ONE_BY_ONE,
            "dtype": ("bfloat16", "float32", "complex64"),
            "mode": ("threads",),
            "batch": ("1", "2", "4", "5", "15", "16", "17"),
            "passes": _OF_PARAMETERS,
            "in_channels": tuple(map(str, range(1, 15))),
            "output_blocks": ("last one partial",),
        },
        kind="crash",
        shows_as=("value", "relation", "nondeterminism", "class", "poison", "error"),
        case=call(
            "bfloat16",
            ones(5, 5, 6, 126, layout="channels_last"),
            ones(3, 5, 1, 1),
            gradients=("weight",),
            grad_output=ones(5, 3, 3, 63),
            stride=[2, 2],
            mode="threads",
        ),
    ),
    KnownDefect(
        id="onednn-strided-1x1-weight-large",
        summary="writes past its scratch memory in the gradient of weight or bias of a strided 1x1 "
        "kernel, channels_last with fewer than 16 input channels, for large images also in float32",
        upstream="",
        affected=build("onednn.enabled", cpu="AVX512"),
        region={
            **_ONE_BY_ONE,
            "dtype": ("float32", "complex64", "bfloat16"),
            "mode": tuple(mode for mode in FACTORS["mode"] if mode != "onednn-off"),
            "work": ("several images or groups, or large",),
            "passes": _OF_PARAMETERS,
            "in_channels": tuple(map(str, range(1, 16))),
            "output_height": _LARGE,
            "output_width": _LARGE,
        },
        kind="crash",
        shows_as=("value", "relation", "nondeterminism", "class", "poison", "error"),
        case=call(
            "float32",
            ones(1, 1, 256, 256, layout="channels_last"),
            ones(1, 1, 1, 1),
            gradients=("weight",),
            grad_output=ones(1, 1, 128, 128),
            stride=[2, 2],
        ),
    ),
)
