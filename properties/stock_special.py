"""The known defects of torch's own convolution that infinities and NaN bring to light."""

from __future__ import annotations

from properties.known import KnownDefect
from properties.proofs import build, call, ones, poisoned

SPECIAL: tuple[KnownDefect, ...] = (
    KnownDefect(
        id="onednn-pairs",
        summary="an infinity or NaN also reaches the results of what lies before it in memory, in "
        "oneDNN's bfloat16 convolution of an odd number of channels per group, and in gradients of "
        "the weight by an odd number of columns: the last is multiplied by it times zero in the "
        "instruction VDPBF16PS for two products (AVX-512 kernels)",
        upstream="",
        affected=build("onednn.bfloat16", cpu="AVX512"),
        # Which results it reaches is told by the kind, element by element.
        region={"dtype": ("bfloat16",), "numbers": ("some infinite or NaN",)},
        kind="pair",
        case=call(
            "bfloat16",
            poisoned(1, 3, 1, 3, place=1, layout="channels_last"),
            ones(1, 3, 1, 1),
        ),
    ),
)
