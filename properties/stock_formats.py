"""The known defects of torch around channels_last, most where its two rules for that disagree.

Strides of extents of one decide what a tensor is read as, and do not matter to whether it is dense:
`unsqueeze`, `permute` and images without a batch make such tensors ("both ways" in
`properties.memory_formats`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from properties.domain import FACTORS
from properties.known import KnownDefect
from properties.proofs import build, call, integers, ones

Levels = Mapping[str, tuple[str, ...]]

_GROUPED: Levels = {"groups": ("2", "prime"), "group_channels": ("several",)}
_OF_WEIGHT = tuple(passes for passes in FACTORS["passes"] if "weight" in passes)
_BUT_OFF = tuple(mode for mode in FACTORS["mode"] if mode != "onednn-off")
_HALF = ("float16", "bfloat16")
_TORCH = {"torch": "2.13", "device_name": "cpu"}
# Where torch does not ask oneDNN: which builds, and which calls.
_NATIVE: Mapping[str, tuple[Mapping[str, str], Levels]] = {
    "": (_TORCH, {"dtype": ("float64", "complex128")}),
    "-pointwise": (
        _TORCH,
        {
            "dtype": ("float32", "complex64"),
            "kernel": ("1x1",),
            "stride": ("1",),
            "dilation": ("1",),
        },
    ),
    "-small": (
        _TORCH,
        {
            "dtype": ("float32", "complex64"),
            "work": ("small",),
        },
    ),
    "-mode": (
        _TORCH,
        {"dtype": ("float32", "complex64", *_HALF), "mode": ("onednn-off",)},
    ),
    "-without-onednn": (
        {**_TORCH, "onednn.enabled": "False"},
        {"dtype": ("float32", "complex64")},
    ),
    # Torch asks oneDNN for these where the CPU has instructions for them.
    "-float16": ({**_TORCH, "onednn.float16": "False"}, {"dtype": ("float16",)}),
    "-bfloat16": ({**_TORCH, "onednn.bfloat16": "False"}, {"dtype": ("bfloat16",)}),
}


def _native(defect: KnownDefect, proofs: Mapping[str, Mapping[str, Any]]) -> Iterator[KnownDefect]:
    """Yield the defect for each way to go without oneDNN, with the proof of each."""
    for suffix, (affected, region) in _NATIVE.items():
        if suffix in proofs:
            yield replace(
                defect,
                id=defect.id + suffix,
                affected=affected,
                region={**defect.region, **region},
                case={**defect.case, **proofs[suffix]},
            )


_PERMUTED = KnownDefect(
    id="torch-grouped-gradient",
    summary="wrong gradients of grouped channels_last weights where torch does not ask oneDNN, for "
    "a channels_last image without a batch, or in a batch of one with an odd stride",
    upstream="",
    affected={},
    region={
        "input_format": ("both ways",),
        "weight_format": ("channels_last",),
        "passes": _OF_WEIGHT,
        **_GROUPED,
    },
    kind="value",
    shows_as=("relation", "training", "poison"),
    case=call(
        "float64",
        integers(4, 1, 2, layout="channels_last"),
        integers(2, 2, 1, 1, layout="channels_last"),
        gradients=("weight",),
        grad_output=integers(2, 1, 2),
        groups=2,
    ),
)
_PERMUTED_UNDER_VMAP = replace(
    _PERMUTED,
    id="vmap-grouped-gradient",
    summary="the same where torch.vmap goes over a batch of one: it hands over the image alone",
    region={
        **_PERMUTED.region,
        "input_format": ("channels_last", "both ways"),
        "weight_format": ("channels_last", "both ways"),
        "batch": ("1",),
        "mode": ("vmap-input", "vmap-all"),
    },
    case=call(
        "float64",
        integers(1, 4, 1, 2, layout="channels_last"),
        integers(2, 2, 1, 1, layout="channels_last"),
        gradients=("weight",),
        grad_output=integers(1, 2, 1, 2),
        groups=2,
        mode="vmap-input",
    ),
)
_REFUSED = KnownDefect(
    id="torch-odd-weight",
    summary="slow_conv2d: grad_weight must be contiguous: torch's own kernel refuses the gradient "
    "of a weight that is channels_last but for the strides of extents of one, as `unsqueeze` "
    "makes it, with a channels_last input",
    upstream="",
    affected={},
    region={
        "input_format": ("channels_last",),
        "weight_format": ("both ways",),
        "passes": _OF_WEIGHT,
        "images": ("some",),
    },
    kind="error",
    case=call(
        "float64",
        integers(1, 2, 2, 3, layout="channels_last"),
        integers(1, 2, 1, 2, layout="channels_last-odd-strides"),
        gradients=("weight",),
        grad_output=integers(1, 1, 2, 2),
    ),
)
_REFUSED_UNDER_VMAP = replace(
    _REFUSED,
    id="vmap-odd-weight",
    summary="the same where torch.vmap goes over a channels_last weight of one output channel: it "
    "makes such a weight of it",
    region={
        **_REFUSED.region,
        "weight_format": ("channels_last",),
        "out_channels": ("1",),
        "mode": ("vmap-weight",),
    },
    case=call(
        "float64",
        integers(1, 2, 2, 3, layout="channels_last"),
        integers(1, 2, 1, 2, layout="channels_last"),
        gradients=("weight",),
        grad_output=integers(1, 1, 2, 2),
        mode="vmap-weight",
    ),
    forms=("function",),
)
_SINGLE, _OFF = {"dtype": "float32"}, {"dtype": "float32", "mode": "onednn-off"}
_HALVES = {"-float16": {"dtype": "float16"}, "-bfloat16": {"dtype": "bfloat16"}}
_ODD: Levels = {
    "dtype": ("float32", "float16", "bfloat16", "complex64"),
    "mode": _BUT_OFF,
    "images": ("some",),
    "weight_format": ("both ways",),
    "kernel": ("1xK", "Kx1"),
    **_GROUPED,
}

FORMATS: tuple[KnownDefect, ...] = (
    *_native(
        _PERMUTED,
        {"": {}, "-pointwise": _SINGLE, "-mode": _OFF, "-without-onednn": _SINGLE, **_HALVES},
    ),
    *_native(
        _PERMUTED_UNDER_VMAP,
        {"": {}, "-pointwise": _SINGLE, "-without-onednn": _SINGLE, **_HALVES},
    ),
    *_native(
        _REFUSED,
        {"": {}, "-small": _SINGLE, "-mode": _OFF, "-without-onednn": _SINGLE, **_HALVES},
    ),
    *_native(
        _REFUSED_UNDER_VMAP,
        {"": {}, "-small": _SINGLE, "-without-onednn": _SINGLE, **_HALVES},
    ),
    KnownDefect(
        id="onednn-odd-weight",
        summary="wrong results and gradients of the input in oneDNN's grouped convolution of a "
        "channels_last input, for a weight that is channels_last but for the strides of extents of "
        "one, as `unsqueeze` makes it: it is read as if contiguous",
        upstream="",
        affected=build("onednn.enabled"),
        region={**_ODD, "input_format": ("channels_last",)},
        kind="value",
        shows_as=("relation", "training", "poison", "class"),
        case=call(
            "float32",
            integers(1, 4, 2, 3, layout="channels_last"),
            integers(2, 2, 1, 2, layout="channels_last-odd-strides"),
            groups=2,
        ),
    ),
    KnownDefect(
        id="onednn-odd-weight-second",
        summary="the same in double backward, where grad_output is channels_last: the second "
        "gradient of the input is a transposed convolution of it by the direction of the weight",
        upstream="",
        affected=build("onednn.enabled"),
        region={**_ODD, "derivatives": ("second",), "grad_output_format": ("channels_last",)},
        kind="value",
        shows_as=("class",),
        case=call(
            "float32",
            integers(1, 4, 2, 3),
            integers(2, 2, 1, 2, layout="channels_last-odd-strides"),
            gradients=("input", "weight"),
            grad_output=integers(1, 2, 2, 2, layout="channels_last"),
            derivative="second",
            groups=2,
        ),
    ),
    KnownDefect(
        id="nnpack-contiguous-output",
        summary="a contiguous output although the input or the weight is channels_last, from "
        "NNPACK, which torch asks from 16 images on where there is no oneDNN",
        upstream="",
        affected={**_TORCH, "onednn.enabled": "False"},
        region={
            "dtype": ("float32",),
            "batch": tuple(map(str, range(16, 2**12))),
            "dilation": ("1",),
            "padding_vs_kernel": ("below",),
            "pixels": ("several",),
            "reads_as": ("channels_last",),
        },
        kind="format",
        case=call(
            "float32",
            ones(16, 2, 2, 2, layout="channels_last"),
            ones(2, 2, 1, 1),
        ),
    ),
)
