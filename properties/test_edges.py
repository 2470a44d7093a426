"""Extents of zero, and parameters beyond every extent.

Of extents of zero torch defines, on every path, in every dtype and form:

    no images                   no output (0, Cout, OH, OW); gradients of 0, of the operands' shapes
    no input channels           by the definition the bias; torch: its defect torch-no-channels
    no images and no channels   both: no output, whatever the height and width
    no rows or columns          as part of those two only; of images with channels a refusal,
                                whatever the padding would make of them (`properties.edits`)
    no output channels          a refusal (`properties.edits`)
    no taps                     a refusal (`properties.edits`)
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from properties.case import Case, Tensor
from properties.domain import FACTORS, Domain, OutOfDomain, active, pair_of
from properties.dtypes import DTYPES, INTEGER
from properties.known import crashes
from properties.layouts import refusal
from properties.strategies import among, cases
from properties.subject import Subject
from properties.values import Recipe
from reference import Conv2dParams

# Height and width, and before them the images; the first fit every kernel, dilation and padding.
EMPTY = ((0, 7, 7), (0, 3, 3), (0, 1, 4), (0, 0, 3), (0, 2, 0), (0, 0, 0))
CHANNELLESS = ((1, 7, 7), (2, 2, 4), (1, 0, 2), (0, 2, 2), (7, 7), (2, 3), (0, 2))
KERNELS = {"1x1": (1, 1), "square": (2, 2), "1xK": (1, 2), "Kx1": (3, 1), "rectangle": (3, 2)}
GROUPS = {"1": 1, "2": 2, "depthwise": 2, "multiplier": 2, "prime": 3}
FEW = (1, 2, 3)
# What 32 bits do not hold, or wrap round, along rows and columns; 0 leaves the call's own. Those
# that they do hold end the process in oneDNN's gradients: its defect onednn-wide-stride. Nearer to
# 2^63 than 16 its 64-bit sums overflow, in SIGFPE or an error: no step that anybody takes.
STRIDES = (
    (2**31, 0),
    (0, 2**31),
    (2**32, 0),
    (0, 2**32),
    (2**32 + 1, 2**31),
    (2**31, 2**32 + 1),
    (2**62, 0),
    (0, 2**62),
    (2**63 - 2**32, 2**62),
)
DILATIONS = (0, 0, 2**31, 2**32 + 1, 2**62)
UNNAMED = tuple(padding for padding in FACTORS["padding"] if padding != "same")
Draw = st.DrawFn
Shape = tuple[int, ...]


@st.composite
def empties(draw: Draw, shapes: tuple[Shape, ...], channels: tuple[int, ...]) -> Case:
    """Return a strategy for calls whose input has no element.

    `shapes` are those of the input without its channels, of which each group has one of `channels`.
    """
    domain = active().within(batch=("0",), mode=("eager",), padding_mode=("zeros",))
    if "unbatched" not in active().options("batch"):
        shapes = tuple(shape for shape in shapes if len(shape) == 3)
    passes = draw(among("passes", domain.options("passes")))
    dtypes = [d for d in domain.options("dtype") if passes == "forward" or d not in INTEGER]
    if not dtypes:
        raise OutOfDomain("integers have no gradients")
    dtype = draw(among("dtype", tuple(dtypes)))
    kernel = KERNELS[draw(among("kernel", domain.options("kernel")))]
    params = _params(draw, domain, kernel)
    size = draw(among("size", tuple(s for s in shapes if _fits(params, s[-2:], kernel))))
    form = draw(among("groups", domain.options("groups")))
    single = form in ("depthwise", "multiplier") and channels != (0,)
    shared = 1 if single else draw(among("channels", channels))
    multiplier = 1 if form == "depthwise" else draw(among("multiplier", FEW))
    groups = GROUPS[form]
    weight = (groups * multiplier, shared, *kernel)
    biased = "bias" in passes.split("+") or draw(among("bias", domain.options("bias"))) == "yes"
    operands = {"input": (*size[:-2], groups * shared, *size[-2:]), "weight": weight}
    operands |= {"bias": weight[:1]} if biased else {}
    tensors: dict[str, Any] = {
        name: _tensor(draw, domain, name, shape, dtype) for name, shape in operands.items()
    }
    params = Conv2dParams(params.stride, params.padding, params.dilation, groups)
    case = Case(**tensors, params=params, dtype=dtype)
    if passes == "forward":
        return case
    upstream = _tensor(draw, domain, "grad_output", case.output_shape, dtype)
    return case.replace(gradients=tuple(passes.split("+")), grad_output=upstream)


def _params(draw: Draw, domain: Domain, kernel: tuple[int, int]) -> Conv2dParams:
    """Draw stride, padding and dilation."""
    stride = draw(among("stride", domain.options("stride")))
    dilation = pair_of(draw(among("dilation", domain.options("dilation"))))
    names = tuple(p for p in domain.options("padding") if stride == "1" or p != "same")
    if not names:
        raise OutOfDomain("padding 'same' goes with stride 1")
    name = draw(among("padding", names))
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    padding: Any = reach if name == "kernel" else name
    numeric = name not in ("kernel", "valid", "same")
    return Conv2dParams(pair_of(stride), pair_of(name) if numeric else padding, dilation)


def _fits(params: Conv2dParams, size: Shape, kernel: tuple[int, int]) -> bool:
    try:
        params.output_size(size, kernel)
    except ValueError:
        return False
    return True


def _tensor(draw: Draw, domain: Domain, name: str, shape: Shape, dtype: str) -> Tensor:
    """Draw a tensor of small integers, in any layout that one with an element has."""
    kind = DTYPES[dtype].kind
    every = [o for o in domain.options("layout") if not refusal(o, len(shape), kind)]
    few = [o for o in every if o in ("contiguous", "channels_last")] if 0 in shape else every
    layout = draw(among(f"{name} layout", tuple(few) or ("contiguous",)))
    return Tensor(shape, Recipe("integers", len(name)), layout)


@given(case=empties(EMPTY, channels=FEW))
def test_an_empty_batch_has_an_empty_output(conv2d: Subject, case: Case) -> None:
    """Of no images the output is (0, Cout, OH, OW), whatever their extent, and gradients are 0."""
    conv2d.check(case)


@given(case=empties(CHANNELLESS, channels=(0,)))
def test_without_input_channels_the_output_is_the_bias(conv2d: Subject, case: Case) -> None:
    """An empty sum is 0: with no input channels every output is its bias, and gradients follow."""
    conv2d.check(case)


@st.composite
def beyond(draw: Draw) -> Case:
    """Return a strategy for calls with strides, and perhaps a dilation, beyond every extent."""
    for factor in ("stride", "dilation"):
        if active().options(factor) != FACTORS[factor]:
            raise OutOfDomain(f"needs every {factor}")
    case = draw(cases(padding=UNNAMED))
    p, kernel = case.params, case.weight.shape[-2:]
    huge, spread = draw(among("strides", STRIDES)), draw(among("spread", DILATIONS))
    case = case.replace(stride=tuple(a or b for a, b in zip(huge, p.stride, strict=True)))
    if spread and 1 in kernel:
        dilation = list(p.dilation)
        dilation[kernel.index(1)] = spread
        spaced = case.replace(dilation=tuple(dilation))
        case = case if crashes(spaced) else spaced
    if case.grad_output is None:
        return case
    upstream = Tensor(case.output_shape, case.grad_output.values, case.grad_output.layout)
    return case.replace(grad_output=upstream)


@given(case=beyond())
def test_steps_beyond_every_extent_are_steps(conv2d: Subject, case: Case) -> None:
    """Strides of 2^31 and of 63 bits are valid: along an axis that has one there is one output.

    So are dilations along an axis with one tap, which is where it was. Gradients follow.
    """
    conv2d.check(case)
