"""The known defects of torch's own convolution in what it should refuse, or takes for nothing."""

from __future__ import annotations

from properties.domain import FACTORS
from properties.known import KnownDefect
from properties.proofs import call, ones

_CPU = {"torch": "2.13", "device_name": "cpu"}
_ANY = {"torch": "2."}  # seen in 2.13 on the CPU and in 2.11 on CUDA
_MODES = ("reflect", "replicate", "circular")
_REAL = ("float32", "float64", "float16", "bfloat16", "int8", "uint8", "int16", "int32", "int64")
_SMALL = call("float32", ones(1, 1, 3, 3), ones(1, 1, 3, 3), ones(1))

UNREFUSED: tuple[KnownDefect, ...] = (
    KnownDefect(
        id="torch-meta-operand",
        summary="a weight or bias on meta beside an input on the CPU gives memory that was never "
        "written, an input on meta beside them a result on meta; complex operands are refused",
        upstream="",
        affected=_ANY,
        region={"dtype": _REAL},
        kind="accepted",
        shows_as=("refusal",),  # its own arithmetic, in Python, divides by a stride of zero
        case=_SMALL,
        edits=("weight on meta", "bias on meta", "input on meta"),
    ),
    KnownDefect(
        id="torch-dilation-overflow",
        summary="a dilation so large that the kernel's extent overflows 64 bits is answered",
        upstream="",
        affected=_CPU,
        region={},
        kind="accepted",
        case=call("float64", ones(1, 1, 3, 3), ones(1, 1, 3, 3)),
        edits=("overflowing dilation",),
    ),
    KnownDefect(
        id="torch-empty-batch",
        summary="without images neither the dtypes, nor a dilation of zero, nor beside an input on "
        "CUDA a weight or bias on the CPU is refused, and an empty kernel is an IndexError",
        upstream="",
        affected=_ANY,
        region={"images": ("none",)},
        kind="accepted",
        shows_as=("refusal",),
        case=call("float32", ones(0, 1, 3, 3), ones(1, 1, 3, 3)),
        edits=(
            "dtype of weight",
            "dtype of input",
            "zero dilation",
            "empty kernel",
            "weight on cpu",
            "bias on cpu",
        ),
    ),
    KnownDefect(
        id="torch-named-padding",
        summary="with padding by name the bias may have any dtype, where oneDNN is not asked",
        upstream="",
        affected=_CPU,
        region={"dtype": _REAL, "padding": ("valid", "same")},
        kind="accepted",
        case=call("float64", ones(1, 1, 3, 3), ones(1, 1, 3, 3), ones(1), padding="valid"),
        edits=("dtype of bias",),
    ),
    KnownDefect(
        id="torch-dilated-padding",
        summary="torch's own dilated convolution takes the padding modulo 2^32",
        upstream="",
        affected=_CPU,
        region={"dilation": ("2", "3", "unequal")},
        kind="accepted",
        case=call("float64", ones(1, 1, 3, 3), ones(1, 1, 1, 1), dilation=[2, 2]),
        edits=("huge padding",),
    ),
    KnownDefect(
        id="torch-padding-modes",
        summary="nn.Conv2d refuses negative padding and a third one in mode zeros only; in others "
        "it crops, and pads channels",
        upstream="",
        affected=_ANY,
        region={"padding_mode": _MODES},
        kind="accepted",
        case=call("float32", ones(1, 1, 3, 3), ones(1, 1, 1, 1), padding_mode="circular"),
        edits=("negative padding", "length of padding"),
    ),
    KnownDefect(
        id="torch-depthwise-dilation",
        summary="torch's own depthwise kernels for CUDA take a dilation of zero, and one so large "
        "that the kernel's extent overflows 64 bits, in 2^63-1 with an illegal memory access",
        upstream="",
        affected={**_ANY, "device_name": "NVIDIA"},
        region={"groups": ("depthwise", "multiplier")},
        kind="accepted",
        case=call("float32", ones(1, 2, 5, 5), ones(2, 1, 3, 3), groups=2),
        shows_as=("device-lost",),
        edits=("zero dilation", "overflowing dilation"),
    ),
    KnownDefect(
        id="torch-no-channels",
        summary="without input channels the output has no channels either, and no bias",
        upstream="",
        affected=_ANY,
        region={"in_channels": ("0",), "passes": ("forward",)},
        kind="shape",
        case=call("float32", ones(1, 0, 3, 3), ones(2, 0, 2, 2), ones(2)),
    ),
    KnownDefect(
        id="torch-no-channels-gradients",
        summary="without input channels there is no backward pass, since no grad_output fits the "
        "output without channels",
        upstream="",
        affected=_ANY,
        region={"in_channels": ("0",), "passes": FACTORS["passes"][1:]},
        kind="error",
        case=call(
            "float32",
            ones(1, 0, 3, 3),
            ones(2, 0, 2, 2),
            gradients=("weight",),
            grad_output=ones(1, 2, 2, 2),
        ),
    ),
)
