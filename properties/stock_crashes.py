"""The known crashes of oneDNN: pytorch#195394 in each dtype and in double backward, and another."""

from __future__ import annotations

from typing import Any

from properties.domain import FACTORS
from properties.known import Avoidance, KnownDefect
from properties.proofs import build, call, ones

# With oneDNN switched off none of its defects is an excuse.
ONEDNN = tuple(mode for mode in FACTORS["mode"] if mode != "onednn-off")
# Torch asks oneDNN for float32 only if a convolution looks large.
LARGE = ("several images or groups, or large",)

# oneDNN's forward kernels of small matrix products, where a whole row of outputs is padding: what
# finishes a row (adding the bias, rounding to the stored dtype) runs on an address never set.
_EMPTY_ROWS: dict[str, tuple[str, ...]] = {
    "images": ("some",),
    "rows": ("read the input",),
    "columns": ("read only padding",),
    "width_vs_dilation": ("narrower",),
    "stride_w": ("2 or more",),
    "several_columns": ("yes",),
    "mode": ONEDNN,
}
# The same of the convolution that double backward makes.
_EMPTY_ROWS_AGAIN: dict[str, tuple[str, ...]] = {
    "derivatives": ("second",),
    "images": ("some",),
    "rows_again": ("read the input",),
    "columns_again": ("read only padding",),
    "width_vs_stride": ("narrower",),
    "dilation_w": ("2 or more",),
    "several_columns_again": ("yes",),
}
_AGAIN: dict[str, Any] = {
    "gradients": ("input", "weight"),
    "derivative": "second",
    "stride": [4, 3],
    "padding": [1, 1],
    "dilation": [1, 2],
}
_UPSTREAM = "https://github.com/pytorch/pytorch/issues/195394"

CRASHES: tuple[KnownDefect, ...] = (
    KnownDefect(
        id="pytorch-195394",
        summary="SIGSEGV in oneDNN's channels_last float32 convolution with bias, when every "
        "output column reads only padding and the dilation exceeds the width",
        upstream=_UPSTREAM,
        affected=build("onednn.enabled"),
        region={
            "dtype": ("float32", "complex64"),
            "bias": ("yes",),
            "reads_as": ("channels_last",),
            "work": LARGE,
            "groups": ("1", "2", "multiplier", "prime"),
            **_EMPTY_ROWS,
        },
        kind="crash",
        case=call(
            "float32",
            ones(1, 8, 8, 1, layout="channels_last"),
            ones(4, 2, 1, 1),
            ones(4),
            stride=[1, 2],
            padding=[0, 1],
            dilation=[3, 3],
            groups=4,
        ),
        avoid=Avoidance(min_width=3),
    ),
    KnownDefect(
        id="pytorch-195394-bfloat16",
        summary="the same crash in bfloat16, where it needs neither a bias nor a large call",
        upstream=_UPSTREAM,
        affected=build("onednn.bfloat16"),
        region={
            "dtype": ("bfloat16",),
            "reads_as": ("channels_last",),
            "groups": ("1", "2", "multiplier", "prime"),
            **_EMPTY_ROWS,
        },
        kind="crash",
        case=call(
            "bfloat16",
            ones(1, 8, 8, 1, layout="channels_last"),
            ones(4, 2, 1, 1),
            stride=[1, 2],
            padding=[0, 1],
            dilation=[3, 3],
            groups=4,
        ),
        avoid=Avoidance(min_width=3),
    ),
    KnownDefect(
        id="pytorch-195394-float16",
        summary="the same crash in float16, in every memory layout and with any number of groups",
        upstream=_UPSTREAM,
        affected=build("onednn.float16"),
        region={"dtype": ("float16",), **_EMPTY_ROWS},
        kind="crash",
        case=call(
            "float16",
            ones(1, 8, 8, 1),
            ones(4, 2, 1, 1),
            stride=[1, 2],
            padding=[0, 1],
            dilation=[3, 3],
            groups=4,
        ),
        avoid=Avoidance(min_width=3),
    ),
    KnownDefect(
        id="pytorch-195394-float16-second",
        summary="the same crash in double backward, which computes the second gradient of the "
        "weight by a convolution with stride and dilation exchanged",
        upstream=_UPSTREAM,
        affected=build("onednn.float16"),
        region={"dtype": ("float16",), **_EMPTY_ROWS_AGAIN},
        kind="crash",
        case=call(
            "float16",
            ones(5, 2, 1, 1),
            ones(2, 2, 1, 1),
            grad_output=ones(5, 2, 1, 1),
            **_AGAIN,
        ),
        avoid=Avoidance(min_width=3),
    ),
    KnownDefect(
        id="pytorch-195394-bfloat16-second",
        summary="the same in bfloat16, if that convolution's input, whose channels are the images, "
        "or its weight, which is grad_output, is channels_last",
        upstream=_UPSTREAM,
        affected=build("onednn.bfloat16"),
        region={
            "dtype": ("bfloat16",),
            "reads_as_again": ("channels_last",),
            **_EMPTY_ROWS_AGAIN,
        },
        kind="crash",
        case=call(
            "bfloat16",
            ones(5, 1, 1, 1, layout="odd-strides"),
            ones(2, 1, 1, 1),
            grad_output=ones(5, 2, 1, 1),
            **_AGAIN,
        ),
        avoid=Avoidance(min_width=3),
    ),
    KnownDefect(
        id="onednn-wide-stride",
        summary="SIGSEGV or SIGFPE in the gradient of the input of oneDNN's strided kernels "
        "(brgconv_strided), whose code is made column by column of the stride: from about 4000 on "
        "it takes a second, from 8192 on it ends the process or is never ready; for 2^31 and more "
        "oneDNN takes other kernels. So in bfloat16 and float16",
        upstream="",
        affected=build("onednn.enabled", cpu="AVX512"),
        region={
            "dtype": ("float32", "complex64"),
            "images": ("some",),
            "groups": ("1", "2"),
            "passes": ("input", "input+weight", "input+bias", "input+weight+bias"),
            "stride_w_size": ("2^13 or more",),
            "work": LARGE,
            "mode": ONEDNN,
        },
        kind="crash",
        shows_as=("hang",),
        case=call(
            "float32",
            ones(16, 32, 1, 1),
            ones(32, 32, 1, 1),
            gradients=("input",),
            grad_output=ones(16, 32, 1, 1),
            stride=[1, 2**20],
        ),
    ),
)
