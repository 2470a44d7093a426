"""The known defects of `torch.compile`, which meets most with Inductor, around the convolution."""

from __future__ import annotations

from dataclasses import replace

from properties.domain import FACTORS
from properties.known import KnownDefect
from properties.layouts import CONJUGATED
from properties.proofs import call, integers, ones

_MODE = "compile-inductor"
_BUILD = {"torch": "2.13", "device_name": "cpu"}
_SEVERAL = tuple(map(str, range(2, 2**12)))
_BACKWARD = tuple(passes for passes in FACTORS["passes"] if passes != "forward")
_OF_WEIGHT = tuple(passes for passes in _BACKWARD if "weight" in passes)

_ONE_PIXEL = KnownDefect(
    id="inductor-one-pixel",
    summary="where torch does not ask oneDNN, gradients of a padded depthwise 1x1 convolution of "
    "several images of one pixel end with the same error",
    upstream="",
    affected=_BUILD,
    region={
        "mode": (_MODE,),
        "dtype": ("float64", "complex128"),
        "batch": _SEVERAL,
        "pixels": ("one",),
        "kernel": ("1x1",),
        "groups": ("depthwise", "multiplier"),
        "several_columns": ("yes",),
        "passes": _BACKWARD,
    },
    kind="error",
    case=call(
        "float64",
        ones(2, 2, 1, 1),
        ones(2, 1, 1, 1),
        gradients=("weight",),
        grad_output=ones(2, 2, 1, 3),
        padding=[0, 1],
        groups=2,
        mode=_MODE,
    ),
)

COMPILED: tuple[KnownDefect, ...] = (
    KnownDefect(
        id="compile-conjugated-gradient",
        summary="torch.compile's backward of a complex convolution ends with `view_as_real doesn't "
        "work on unresolved conjugated tensors` where the incoming gradient is a conjugate view, "
        "as a loss of y.conj() makes it, with the strides that were foreseen; eager torch answers",
        upstream="",
        affected=_BUILD,
        region={
            "mode": ("compile", _MODE),
            "dtype": ("complex64", "complex128"),
            "passes": _BACKWARD,
            "grad_output_layout": CONJUGATED,
        },
        kind="error",
        case=call(
            "complex64",
            ones(1, 1, 1, 1),
            ones(1, 1, 1, 1),
            gradients=("weight",),
            grad_output=ones(1, 1, 1, 1, layout="conjugated"),
            mode="compile",
        ),
    ),
    KnownDefect(
        id="inductor-negative-views",
        summary="code that Inductor generates reads what lies in memory of a view of negatives, "
        "such as z.conj().imag: the sign of a bias is lost, and that of other operands where they "
        "are copied first",
        upstream="https://github.com/pytorch/pytorch/issues/145093",
        affected=_BUILD,
        region={"mode": (_MODE,), "negative_views": ("some",)},
        kind="value",
        shows_as=("relation", "training", "class", "poison"),
        case=call(
            "float32",
            ones(1, 1, 1, 1),
            ones(1, 1, 1, 1),
            ones(1, layout="negated"),
            mode=_MODE,
        ),
    ),
    KnownDefect(
        id="inductor-empty-batch",
        summary="the gradient of the weight for an empty batch ends with `AssertionError: expected "
        "size ..., stride ...`: Inductor foresees other strides than it has",
        upstream="",
        affected=_BUILD,
        region={
            "mode": (_MODE,),
            "images": ("none",),
            "passes": _OF_WEIGHT,
            "group_channels": ("several",),
            "kernel": ("square", "rectangle", "1xK", "Kx1"),
        },
        kind="error",
        case=call(
            "float32",
            ones(0, 2, 1, 2),
            ones(1, 2, 1, 2),
            gradients=("weight",),
            grad_output=ones(0, 1, 1, 1),
            mode=_MODE,
        ),
    ),
    _ONE_PIXEL,
    replace(
        _ONE_PIXEL,
        id="inductor-one-pixel-single",
        region={
            **_ONE_PIXEL.region,
            "dtype": ("float32", "complex64"),
            "stride": ("1",),
            "dilation": ("1",),
        },
        case={**_ONE_PIXEL.case, "dtype": "float32"},
    ),
    KnownDefect(
        id="inductor-grouped-gradient",
        summary="wrong gradients of grouped weights in float64, for a batch that is channels_last "
        "but for the strides of extents of one: torch-grouped-gradient for weights of any format, "
        "since Inductor makes them channels_last",
        upstream="",
        affected=_BUILD,
        region={
            "mode": (_MODE,),
            "dtype": ("float64",),
            "dilation": ("1",),
            "batch": _SEVERAL,
            "input_format": ("both ways",),
            "passes": _OF_WEIGHT,
            "groups": ("2", "prime"),
            "group_channels": ("several",),
        },
        kind="value",
        shows_as=("relation", "training", "poison"),
        case=call(
            "float64",
            integers(2, 4, 2, 1, layout="channels_last-odd-strides"),
            integers(2, 2, 2, 1),
            gradients=("weight",),
            grad_output=integers(2, 2, 1, 1),
            groups=2,
            mode=_MODE,
        ),
    ),
)
