"""The known defects of torch around its kernels: dispatch by dtype, and batching rules of vmap."""

from __future__ import annotations

from properties.known import KnownDefect
from properties.proofs import call, ones

OTHER: tuple[KnownDefect, ...] = (
    KnownDefect(
        id="torch-dilated-integers",
        summary="integers of fewer than 64 bits have no dilated convolution: NotImplementedError",
        upstream="",
        affected={"device_name": "cpu"},
        region={"dtype": ("int8", "uint8", "int16", "int32"), "dilation": ("2", "3", "unequal")},
        kind="declined",
        case=call("int8", ones(1, 1, 1, 1), ones(1, 1, 1, 1), dilation=[2, 2]),
    ),
    KnownDefect(
        id="vmap-empty-batch",
        summary="torch.vmap of conv2d over an empty batch returns an axis too many",
        upstream="",
        affected={"torch": "2."},
        region={"mode": ("vmap-input",), "images": ("none",)},
        kind="shape",
        shows_as=("error",),  # of the gradients, which then have another shape, and of padding
        case=call("float32", ones(0, 1, 1, 1), ones(1, 1, 1, 1), mode="vmap-input"),
    ),
    KnownDefect(
        id="vmap-empty-batch-of-weights",
        summary="torch.vmap of conv2d over an empty batch of inputs and weights asks for 0 groups",
        upstream="",
        affected={"torch": "2."},
        region={"mode": ("vmap-all",), "images": ("none",)},
        kind="error",
        case=call("float32", ones(0, 1, 1, 1), ones(1, 1, 1, 1), mode="vmap-all"),
    ),
    KnownDefect(
        id="per-sample-empty-batch",
        summary="per-sample gradients of conv2d over an empty batch raise, by the same rule",
        upstream="",
        affected={"torch": "2."},
        region={"derivatives": ("per-sample",), "images": ("none",)},
        kind="error",
        case=call(
            "float32",
            ones(0, 1, 1, 1),
            ones(1, 1, 1, 1),
            gradients=("weight",),
            grad_output=ones(0, 1, 1, 1),
            derivative="per-sample",
        ),
    ),
    KnownDefect(
        id="per-sample-one-pixel",
        summary="per-sample gradients of conv2d refuse channels_last images of one pixel where "
        "torch does not ask oneDNN: slow_conv2d: grad_weight must be contiguous",
        upstream="",
        affected={"torch": "2.", "device_name": "cpu"},
        region={
            "derivatives": ("per-sample",),
            "dtype": ("float64", "float16"),
            "input_layout": ("channels_last",),
            "pixels": ("one",),
            "group_channels": ("several",),
            "kernel": ("square", "1xK", "Kx1", "rectangle"),
            "dilation": ("1",),
        },
        kind="error",
        case=call(
            "float64",
            ones(2, 2, 1, 1, layout="channels_last"),
            ones(1, 2, 1, 2),
            gradients=("weight",),
            grad_output=ones(2, 1, 1, 2),
            padding=[0, 1],
            derivative="per-sample",
        ),
    ),
)
