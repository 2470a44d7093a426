"""The known defects of torch's own convolution: which builds, which calls, one call as proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from properties.known import KnownDefect
from properties.proofs import build, call, constant, integers, ones
from properties.stock_compiled import COMPILED
from properties.stock_crashes import CRASHES, LARGE, ONEDNN
from properties.stock_formats import FORMATS
from properties.stock_gradients import GRADIENTS
from properties.stock_other import OTHER
from properties.stock_refusals import UNREFUSED
from properties.stock_special import SPECIAL

_LARGE_IMAGE = constant(8, 1, 8, 5, 5, layout="channels_last")

# Torch asks oneDNN for every bfloat16 and float16 convolution, for float32 only if it looks large.
# A complex convolution is computed as three real ones, of its parts and of their sum.
_ONE_COLUMN: dict[str, tuple[str, ...]] = {
    "images": ("some",),
    "reads_as": ("channels_last",),
    "several_columns": ("no",),
    "several_rows": ("yes",),
    "kernel_w": ("2 or more",),
    "stride_h": ("1",),
    "stride_w": ("2 or more",),
    "dilation_w": ("1",),
    "mode": ONEDNN,
}

STOCK: tuple[KnownDefect, ...] = (
    *OTHER,
    *CRASHES,
    KnownDefect(
        id="onednn-one-column",
        summary="wrong values and reads of unwritten memory in oneDNN's channels_last float32 "
        "convolution of one channel to one column, where only columns are strided (AVX-512)",
        upstream="",
        affected=build("onednn.enabled", cpu="AVX512"),
        region={
            "dtype": ("float32", "complex64"),
            "work": LARGE,
            "in_channels": ("1",),
            **_ONE_COLUMN,
        },
        kind="value",
        shows_as=("relation", "nondeterminism", "training", "poison"),
        case=call(
            "float32",
            ones(2, 1, 8, 5, layout="channels_last"),
            ones(16, 1, 3, 3),
            stride=[1, 4],
        ),
    ),
    KnownDefect(
        id="onednn-one-column-bfloat16",
        summary="the same wrong values in bfloat16, where the call need not be large and each of "
        "several groups may have the one channel and several outputs",
        upstream="",
        affected=build("onednn.bfloat16", cpu="AVX512"),
        region={
            "dtype": ("bfloat16",),
            "group_channels": ("1",),
            "groups": ("1", "multiplier"),
            **_ONE_COLUMN,
        },
        kind="value",
        shows_as=("relation", "nondeterminism", "training", "class", "poison"),
        case=call(
            "bfloat16",
            ones(1, 1, 8, 5, layout="channels_last"),
            ones(16, 1, 3, 3),
            stride=[1, 4],
        ),
    ),
    KnownDefect(
        id="onednn-dilated-rows",
        summary="wrong gradients of the weight in oneDNN's channels_last bfloat16 convolution, if "
        "rows are dilated, a group's last block of 16 input channels is not full and the output "
        "is wider than 28 columns: rows are read too far on, also past the end of the buffer "
        "(AVX-512 kernels)",
        upstream="",
        affected=build("onednn.bfloat16", cpu="AVX512"),
        region={
            "dtype": ("bfloat16",),
            "mode": ONEDNN,
            "images": ("some",),
            "passes": ("weight", "input+weight", "weight+bias", "input+weight+bias"),
            "reads_as": ("channels_last",),
            "dilation_h": ("2 or more",),
            "stride_h": ("1",),
            "width_steps": ("strided or dilated",),
            "channel_blocks": ("last one partial",),
            "output_columns": ("29 or more",),
            "row_reads": ("several",),
            "dilated_kernel": ("inside",),
        },
        kind="value",
        # The further past the end, the likelier: 64 rows of an 8x1 kernel dilated by 3 crash.
        # A NaN, by which a class is told, spreads in this dtype if a group has one channel.
        shows_as=("relation", "nondeterminism", "crash", "class", "poison"),
        case=call(
            "bfloat16",
            ones(1, 2, 2, 29, layout="channels_last"),
            ones(2, 1, 1, 1),
            gradients=("weight",),
            grad_output=ones(1, 2, 2, 29),
            dilation=[2, 1],
            groups=2,
        ),
    ),
    *FORMATS,
    *GRADIENTS,
    *SPECIAL,
    KnownDefect(
        id="cudnn-negative-overflow",
        summary="cuDNN's implicit GEMM kernels for float16 return 0 in place of -inf (the kernels "
        "sm80_xmma_fprop_implicit_gemm_indexed_wo_smem_f16f16_f16f32_f32)",
        upstream="",
        affected={"device_name": "NVIDIA", "cudnn": "919"},
        region={"dtype": ("float16",), "sums": ("may overflow",)},
        kind="value",
        shows_as=("relation",),
        case=call("float16", _LARGE_IMAGE, constant(8, 3, 8, 3, 3, negative=True)),
    ),
    KnownDefect(
        id="cudnn-one-pixel-column",
        summary="cuDNN's channels_last convolution of one pixel by a column of taps, to one result "
        "of one channel, takes the weight in another order than it has in memory",
        upstream="",
        affected={"device_name": "NVIDIA", "cudnn": "919"},
        region={
            "dtype": ("float32", "float16", "bfloat16", "complex64"),
            "reads_as": ("channels_last",),
            "pixels": ("one",),
            "kernel": ("Kx1",),
            "groups": ("1",),
            "group_channels": ("several",),
            "out_channels": ("1",),
            "several_rows": ("no",),
        },
        kind="value",
        shows_as=("relation", "class", "training"),
        case=call(
            "float32",
            integers(1, 4, 1, 1, layout="channels_last"),
            integers(1, 4, 3, 1),
            padding=[1, 0],
        ),
    ),
    *UNREFUSED,
    *COMPILED,
)


def stock_defects(facts: Mapping[str, Any]) -> tuple[KnownDefect, ...]:
    """Return the known defects of torch's own convolution that this build has."""
    return tuple(defect for defect in STOCK if defect.affects(facts))
