"""Which pairs of levels no call can have, each forbidden by a rule with a name."""

from __future__ import annotations

from collections.abc import Sequence

from properties.domain import FACTORS as DOMAIN
from properties.dtypes import COMPLEX, INTEGER
from properties.layouts import LAYOUTS, OF_BATCHES, OF_VECTORS
from properties.planned import PLANNED, Levels

_BACKWARD = DOMAIN["passes"][1:]
_OF_BIAS = tuple(passes for passes in _BACKWARD if "bias" in passes)
_INTEGRAL = ("integers x integers", "onehot x integers", "integers x onehot", "integers x ones")
_REAL = tuple(dtype for dtype in DOMAIN["dtype"] if dtype not in INTEGER)
_ROUNDED = tuple(v for v in PLANNED["values"] if v not in (*_INTEGRAL, "words x words"))
_SEVERAL = tuple(groups for groups in DOMAIN["groups"] if groups != "1")
_HUGE = ("15 to 17", "31 to 33", "63 to 65")


def _but(factor: str, *levels_: str) -> tuple[str, ...]:
    return tuple(level for level in PLANNED[factor] if level not in levels_)


_STRANGE = tuple(name for name in LAYOUTS if name not in ("contiguous", "channels_last"))
# Rules: the name, and two sets of levels of which no call has one each.
RULES: Sequence[tuple[str, Levels, Levels]] = (
    ("integers have no gradients", {"dtype": INTEGER}, {"passes": _BACKWARD}),
    ("integers have no gradients", {"dtype": INTEGER}, {"grad_output_layout": LAYOUTS}),
    ("grad_output goes with gradients", {"passes": ("forward",)}, {"grad_output_layout": LAYOUTS}),
    ("grad_output goes with gradients", {"passes": _BACKWARD}, {"grad_output_layout": ("none",)}),
    ("no bias has no layout", {"bias": ("no",)}, {"bias_layout": OF_VECTORS}),
    ("a bias has a layout", {"bias": ("yes",)}, {"bias_layout": ("none",)}),
    (
        "the gradient of a bias needs one",
        {"bias": ("no",), "bias_layout": ("none",)},
        {"passes": _OF_BIAS},
    ),
    (
        "only complex numbers have conjugate views",
        {"dtype": tuple(d for d in DOMAIN["dtype"] if d not in COMPLEX)},
        {f"{n}_layout": ("conjugated",) for n in ("input", "weight", "bias", "grad_output")},
    ),
    (
        "views of negatives are of floating or complex numbers",
        {"dtype": INTEGER},
        {f"{n}_layout": ("negated",) for n in ("input", "weight", "bias")},
    ),
    (
        "words are integers",
        {"values": ("words x words",)},
        {f"{n}_layout": ("conjugated", "negated") for n in ("input", "weight", "bias")},
    ),
    (
        "an image without a batch has no such layout",
        {"batch": ("unbatched",)},
        {"input_layout": OF_BATCHES, "grad_output_layout": OF_BATCHES},
    ),
    (
        "no element lies anywhere",
        {"batch": ("0",)},
        dict.fromkeys(("input_layout", "grad_output_layout"), _STRANGE),
    ),
    (
        "one image has no images to expand or to swap",
        {"batch": ("1",)},
        dict.fromkeys(("input_layout", "grad_output_layout"), ("expanded-images", "swapped")),
    ),
    (
        "one channel has none to expand or to swap",
        {"in_channels": ("1",)},
        dict.fromkeys(("input_layout", "weight_layout"), ("expanded-channels", "swapped")),
    ),
    (
        "one channel has none to expand or to swap",
        {"groups": ("depthwise", "multiplier")},
        {"weight_layout": ("expanded-channels", "swapped")},
    ),
    (
        "one channel has none to expand or to swap",
        {"out_channels": ("1",)},
        {
            "grad_output_layout": ("expanded-channels", "swapped"),
            "weight_layout": ("expanded-images", "swapped"),
            "bias_layout": ("expanded",),
        },
    ),
    (
        "strides of an axis of one element are odd, if there is one",
        {"out_channels": _but("out_channels", "1")},
        {"bias_layout": ("odd-strides",)},
    ),
    (
        "one row or column is not transposed, expanded or shared",
        {"kernel": ("1x1", "Kx1", "1xK")},
        {"weight_layout": ("transposed", "overlapping")},
    ),
    (
        "one row or column is not transposed, expanded or shared",
        {"kernel": ("1x1", "1xK")},
        {"weight_layout": ("expanded-rows",)},
    ),
    (
        "one row or column is not transposed, expanded or shared",
        {"output_height": ("1",)},
        {"grad_output_layout": ("transposed", "overlapping", "expanded-rows")},
    ),
    (
        "one row or column is not transposed, expanded or shared",
        {"output_width": ("1",)},
        {"grad_output_layout": ("transposed", "overlapping")},
    ),
    (
        "'same' goes with stride 1",
        {"padding": ("same",), "padding_ends": ("uneven",)},
        {
            "stride": ("2", "3", "unequal"),
            "remainder": ("left over",),
            "stride_vs_kernel": ("larger",),
        },
    ),
    (
        "only 'same' pads unevenly",
        {"padding_ends": ("uneven",)},
        {"padding": _but("padding", "same")},
    ),
    (
        "an even reach pads unevenly",
        {"padding_ends": ("uneven",)},
        {"kernel": ("1x1",), "kernel_parity": ("odd",), "dilation": ("2",)},
    ),
    (
        "stride 1 leaves nothing over",
        {"stride": ("1",)},
        {"remainder": ("left over",), "stride_vs_kernel": ("larger",)},
    ),
    (
        "one is odd, and a square has one parity",
        {"kernel": ("1x1",)},
        {"kernel_parity": ("even", "mixed"), "kernel_size": ("7 or more",)},
    ),
    (
        "one is odd, and a square has one parity",
        {"kernel": ("1xK", "Kx1")},
        {"kernel_parity": ("even",)},
    ),
    (
        "one is odd, and a square has one parity",
        {"kernel": ("square",)},
        {"kernel_parity": ("mixed",)},
    ),
    (
        "nothing is smaller than 1x1",
        {"kernel": ("1x1",)},
        {"kernel_fit": ("larger than the input",)},
    ),
    ("one pixel of padding hides 1x1", {"kernel": ("1x1",)}, {"padding": ("1", "2")}),
    (
        "a larger kernel needs padding",
        {"kernel_fit": ("larger than the input",)},
        {"padding": ("0", "valid")},
    ),
    (
        "nothing is padded",
        {"reads": ("only padding",)},
        {"padding": ("0", "valid")},
    ),
    (
        "channels are a multiple of groups",
        {"groups": _SEVERAL},
        {"in_channels": ("1",), "out_channels": ("1",)},
    ),
    (
        "channels are a multiple of groups",
        {"groups": ("2",)},
        {"in_channels": ("3",), "out_channels": ("3",)},
    ),
    (
        "channels are a multiple of groups",
        {"groups": ("prime",)},
        {"in_channels": ("2",), "out_channels": ("2",)},
    ),
    (
        "channels are a multiple of groups",
        {"groups": ("multiplier",)},
        {"out_channels": ("2", "3")},
    ),
    (
        "as many groups as channels are depthwise",
        {"groups": ("2",)},
        {"in_channels": ("2",)},
    ),
    ("as many groups as channels are depthwise", {"groups": ("prime",)}, {"in_channels": ("3",)}),
    (
        "one bias alone has odd strides",
        {"bias_layout": ("odd-strides",)},
        {
            "groups": _SEVERAL,
            "weight_layout": ("expanded-images", "swapped"),
            "grad_output_layout": ("expanded-channels", "swapped", "channels_last-odd-strides"),
        },
    ),
    (
        "one channel, or pixels alone, are channels_last by name only",
        {"in_channels": ("1",)},
        dict.fromkeys(("input_layout", "weight_layout"), ("channels_last-odd-strides",)),
    ),
    (
        "one channel, or pixels alone, are channels_last by name only",
        {"groups": ("depthwise", "multiplier"), "kernel": ("1x1",)},
        {"weight_layout": ("channels_last-odd-strides",)},
    ),
    (
        "one channel, or pixels alone, are channels_last by name only",
        {"out_channels": ("1",)},
        {"grad_output_layout": ("channels_last-odd-strides",)},
    ),
    (
        "beyond the sizes that are generated",
        {"kernel_fit": ("equal to the input",)},
        dict.fromkeys(("output_width", "output_height"), _HUGE[2:]),
    ),
    (
        "the gradient of a sum is all ones",
        {"mode": ("sum-backward",)},
        {"grad_output_layout": tuple(layout for layout in LAYOUTS if layout != "contiguous")},
    ),
    ("words are integers", {"values": ("words x words",)}, {"dtype": _REAL, "passes": _BACKWARD}),
    (
        "words are integers",
        {"values": ("words x words",)},
        {"grad_output_layout": LAYOUTS, "scale": ("up", "down")},
    ),
    ("integers are not rounded", {"dtype": INTEGER}, {"values": _ROUNDED, "scale": ("up", "down")}),
)
