"""Which levels of factors go together: one table of named rules, each about pairs of factors.

Besides the factors of domains (`properties.domain.FACTORS`) and of coverage (`PLANNED`) it knows
what a run fixes: the form, the device and the target of the implementation. Where both have a
level, coverage's is meant: a padding of 1 around a 1x1 kernel is its "kernel or more".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from properties.domain import FACTORS as DOMAIN
from properties.dtypes import COMPLEX, INTEGER, REAL
from properties.layouts import CONJUGATED, LAYOUTS, NEGATED, OF_BATCHES, OF_VECTORS, VIEWS
from properties.planned import PLANNED, Level, Levels

FIXED: Levels = {
    "form": ("function", "module"),
    "device": ("cpu", "cuda", "other"),
    "target": ("stock", "own"),
}
KNOWN: Levels = {
    factor: tuple(dict.fromkeys(level for table in (DOMAIN, PLANNED, FIXED)
                                for level in table.get(factor, ())))
    for factor in {**DOMAIN, **PLANNED, **FIXED}
}  # fmt: skip
OF_LAYERS = (
    "functional_call", "eval", "state_dict", "deepcopy", "pickle", "to-dtype", "to-device",
    "to-memory_format", "lazy",
)  # fmt: skip


def _but(factor: str, *levels_: str) -> Levels:
    """Return every other level of a factor."""
    return {factor: tuple(level for level in KNOWN[factor] if level not in levels_)}


def _layouts(*operands: str, of: Sequence[str]) -> Levels:
    possible = {"bias": tuple(layout for layout in of if layout in OF_VECTORS)}
    return {f"{operand}_layout": possible.get(operand, of) for operand in operands}


_BACKWARD = DOMAIN["passes"][1:]
_OF_BIAS = tuple(passes for passes in _BACKWARD if "bias" in passes)
_INTEGRAL = ("integers x integers", "onehot x integers", "integers x onehot", "integers x ones")
_ROUNDED = _but("values", *_INTEGRAL, "words x words")
_SEVERAL = _but("groups", "1")
_STRANGE = tuple(name for name in LAYOUTS if name not in ("contiguous", "channels_last"))
_IMAGES = ("input", "grad_output")
# Rules: the name, and two sets of levels of which no call has one each.
RULES: Sequence[tuple[str, Levels, Levels]] = (
    # What a mode leaves.
    ("nothing is recorded for a gradient", {"mode": ("no_grad", "inference_mode")},
     {"passes": _BACKWARD}),
    ("a way to ask for gradients needs some",
     {"mode": ("backward", "sum-backward", "retain-graph", "checkpoint")},
     {"passes": ("forward",)}),
    ("only a real sum has gradients by itself", {"mode": ("sum-backward",)}, _but("dtype", *REAL)),
    ("the gradient of a sum is all ones", {"mode": ("sum-backward",)},
     _but("grad_output_layout", "contiguous")),
    ("autocast is to a type of 16 bits", {"mode": ("autocast",)},
     _but("dtype", "float16", "bfloat16")),
    ("torch.vmap needs a batch", {"mode": ("vmap-input", "vmap-all")}, {"batch": ("unbatched",)}),
    ("a vmap over the bias needs one", {"mode": ("vmap-bias",)},
     {"bias": ("no",), "bias_layout": ("none",)}),
    ("a function has no state", {"mode": OF_LAYERS}, {"form": ("function",)}),
    ("a lazy layer is torch's own", {"mode": ("lazy",)}, {"target": ("own",)}),
    ("a memory format is that of the weight", {"mode": ("to-memory_format",)},
     {**_but("weight_layout", "channels_last"), **_but("bias_layout", "contiguous", "none")}),
    ("whether torch asks oneDNN is torch's own", {"mode": ("onednn-off",)}, {"target": ("own",)}),
    ("of the CPU", {"mode": ("onednn-off", "threads")}, {"device": ("cuda", "other")}),
    ("of CUDA", {"mode": ("benchmark", "stream")}, {"device": ("cpu", "other")}),
    # Derivatives and forms.
    ("other derivatives are taken in the plain mode", _but("derivatives", "first"),
     _but("mode", "eager")),
    ("per-sample gradients are those of the parameters", {"derivatives": ("per-sample",)},
     _but("passes", "weight", "weight+bias")),
    ("per-sample gradients are of a batch", {"derivatives": ("per-sample",)},
     {"batch": ("unbatched",)}),
    ("torch.func.grad is of real functions", {"derivatives": ("per-sample",)},
     _but("dtype", *REAL)),
    ("integers have no gradients", {"dtype": INTEGER},
     {"passes": _BACKWARD, **_but("derivatives", "first"), "grad_output_layout": LAYOUTS}),
    ("parameters are no integers", {"dtype": INTEGER}, {"form": ("module",)}),
    ("F.conv2d has no padding_mode", {"form": ("function",)}, _but("padding_mode", "zeros")),
    # Operands that are there, and what they hold.
    ("grad_output goes with gradients", {"passes": ("forward",)}, {"grad_output_layout": LAYOUTS}),
    ("grad_output goes with gradients", {"passes": _BACKWARD}, {"grad_output_layout": ("none",)}),
    ("no bias has no layout", {"bias": ("no",)}, {"bias_layout": OF_VECTORS}),
    ("a bias has a layout", {"bias": ("yes",)}, {"bias_layout": ("none",)}),
    ("the gradient of a bias needs one", {"bias": ("no",), "bias_layout": ("none",)},
     {"passes": _OF_BIAS}),
    ("words are integers", {"values": ("words x words",)},
     {"dtype": tuple(dtype for dtype in DOMAIN["dtype"] if dtype not in INTEGER),
      "passes": _BACKWARD, "grad_output_layout": LAYOUTS, "scale": ("up", "down"),
      **_layouts("input", "weight", "bias", of=VIEWS)}),
    ("integers are not rounded", {"dtype": INTEGER}, {**_ROUNDED, "scale": ("up", "down")}),
    ("only complex numbers have conjugate views", _but("dtype", *COMPLEX),
     _layouts("input", "weight", "bias", "grad_output", of=CONJUGATED)),
    ("views of negatives are of floating or complex numbers", {"dtype": INTEGER},
     _layouts("input", "weight", "bias", of=NEGATED)),
    # Layouts that an extent leaves.
    ("an image without a batch has no such layout", {"batch": ("unbatched",)},
     {"layout": OF_BATCHES, **_layouts(*_IMAGES, of=OF_BATCHES)}),
    # Torch has strides for these too; none is generated, as no kernel is asked to read them.
    ("no element lies anywhere", {"batch": ("0",)}, _layouts(*_IMAGES, of=_STRANGE)),
    ("one image has no images to expand or to swap", {"batch": ("1",)},
     _layouts(*_IMAGES, of=("expanded-images", "swapped"))),
    ("one channel has none to expand or to swap", {"in_channels": ("1",)},
     _layouts("input", "weight", of=("expanded-channels", "swapped"))),
    ("one channel has none to expand or to swap", {"groups": ("depthwise", "multiplier")},
     _layouts("weight", of=("expanded-channels", "swapped"))),
    ("one channel has none to expand or to swap", {"out_channels": ("1",)},
     {**_layouts("grad_output", of=("expanded-channels", "swapped")),
      **_layouts("weight", of=("expanded-images", "swapped")), "bias_layout": ("expanded",)}),
    ("strides of an axis of one element are odd, if there is one", _but("out_channels", "1"),
     {"bias_layout": ("odd-strides",)}),
    ("one bias alone has odd strides", {"bias_layout": ("odd-strides",)},
     {**_SEVERAL, **_layouts("weight", of=("expanded-images", "swapped")),
      **_layouts("grad_output", of=("expanded-channels", "swapped", "channels_last-odd-strides"))}),
    ("one channel, or pixels alone, are channels_last by name only", {"in_channels": ("1",)},
     _layouts("input", "weight", of=("channels_last-odd-strides",))),
    ("one channel, or pixels alone, are channels_last by name only",
     {"groups": ("depthwise", "multiplier"), "kernel": ("1x1",)},
     _layouts("weight", of=("channels_last-odd-strides",))),
    ("one channel, or pixels alone, are channels_last by name only", {"out_channels": ("1",)},
     _layouts("grad_output", of=("channels_last-odd-strides",))),
    ("one row or column is not transposed, expanded or shared", {"kernel": ("1x1", "Kx1", "1xK")},
     _layouts("weight", of=("transposed", "overlapping"))),
    ("one row or column is not transposed, expanded or shared", {"kernel": ("1x1", "1xK")},
     _layouts("weight", of=("expanded-rows",))),
    ("one row or column is not transposed, expanded or shared", {"output_height": ("1",)},
     _layouts("grad_output", of=("transposed", "overlapping", "expanded-rows"))),
    ("one row or column is not transposed, expanded or shared", {"output_width": ("1",)},
     _layouts("grad_output", of=("transposed", "overlapping"))),
    # Geometry.
    ("'same' goes with stride 1", {"padding": ("same",), "padding_ends": ("uneven",)},
     {**_but("stride", "1"), "remainder": ("left over",), "stride_vs_kernel": ("larger",)}),
    ("only 'same' pads unevenly", {"padding_ends": ("uneven",)}, _but("padding", "same")),
    ("an even reach pads unevenly", {"padding_ends": ("uneven",)},
     {"kernel": ("1x1",), "kernel_parity": ("odd",), "dilation": ("2",)}),
    ("stride 1 leaves nothing over", {"stride": ("1",)},
     {"remainder": ("left over",), "stride_vs_kernel": ("larger",)}),
    ("one is odd, and a square has one parity", {"kernel": ("1x1",)},
     {"kernel_parity": ("even", "mixed"), "kernel_size": ("7 or more",)}),
    ("one is odd, and a square has one parity", {"kernel": ("1xK", "Kx1")},
     {"kernel_parity": ("even",)}),
    ("one is odd, and a square has one parity", {"kernel": ("square",)},
     {"kernel_parity": ("mixed",)}),
    ("nothing is smaller than 1x1", {"kernel": ("1x1",)},
     {"kernel_fit": ("larger than the input",)}),
    ("one pixel of padding hides 1x1", {"kernel": ("1x1",)}, {"padding": ("1", "2")}),
    ("a larger kernel needs padding", {"kernel_fit": ("larger than the input",)},
     {"padding": ("0", "valid")}),
    ("nothing is padded", {"reads": ("only padding",)}, {"padding": ("0", "valid")}),
    ("channels are a multiple of groups", _SEVERAL,
     {"in_channels": ("1",), "out_channels": ("1",)}),
    ("channels are a multiple of groups", {"groups": ("2",)},
     {"in_channels": ("3",), "out_channels": ("3",)}),
    ("channels are a multiple of groups", {"groups": ("prime",)},
     {"in_channels": ("2",), "out_channels": ("2",)}),
    ("channels are a multiple of groups", {"groups": ("multiplier",)},
     {"out_channels": ("2", "3")}),
    ("as many groups as channels are depthwise", {"groups": ("2",)}, {"in_channels": ("2",)}),
    ("as many groups as channels are depthwise", {"groups": ("prime",)}, {"in_channels": ("3",)}),
)  # fmt: skip


def _levels(some: Levels) -> Sequence[Level]:
    return [(factor, level) for factor, levels in some.items() for level in levels]


# The pairs of levels that no call has, each with the name of the rule that says so.
FORBIDDEN: Mapping[frozenset[Level], str] = {
    frozenset(pair): name
    for name, left, right in RULES
    for pair in product(_levels(left), _levels(right))
}
