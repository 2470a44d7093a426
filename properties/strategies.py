"""Hypothesis strategies for calls: valid by construction, boundary first, within a size budget.

A draw picks levels of factors and the size of the *output*; the input's extent follows from them,
so no draw is ever rejected. Every draw is `sampled_from` of fewer than 100 items, plainest first:
shrinking walks towards the plainest call, and the same seed gives the same calls in every
installation (other strategies of Hypothesis mix constants of local modules into their draws).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from properties.case import Case, Tensor
from properties.domain import active
from properties.known import Avoidance, avoiding
from properties.values import Recipe
from reference import Conv2dParams

MAX_MACS = 100_000
SIZES = (3, 2, 5, 4, 7, 8)  # of a kernel along an axis
EXTENTS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)  # of an output
CHANNELS = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)
SMALL = (1, 2, 3)
STRETCH = ("nothing", "width", "in_channels", "out_channels", "height", "batch", "both_channels")
FITS = ("free", "free", "free", "equal", "larger")  # of the kernel in the unpadded input
VALUES = {
    "integers": ("integers", "integers"),
    "normal": ("normal", "normal"),
    "one-hot input": ("onehot", "integers"),
    "one-hot weight": ("integers", "onehot"),
    "sparse": ("sparse", "sparse"),
    "cancelling": ("cancelling", "normal"),
    "wide input": ("wide", "signs"),
    "wide weight": ("signs", "wide"),
}
WIDE = {"float32": "wide13", "float64": "wide27"}
MOSTLY = (True, True, True, False)  # an empty batch shows little; it need not come often
EXPONENTS = (0, 0, 0, 10, -10, 20, -20)

Draw = Callable[[st.SearchStrategy[Any]], Any]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """What was drawn about extents, before the input's extent is computed from it."""

    kernel: Pair
    stride: Pair
    padding: Pair | str
    dilation: Pair
    padding_mode: str
    output: Pair
    spare: Pair  # rows and columns that the last stride leaves over
    fit: str

    def params(self, groups: int) -> Conv2dParams:
        """Return the parameters of the call."""
        return Conv2dParams(self.stride, self.padding, self.dilation, groups, self.padding_mode)

    def input_size(self) -> Pair:
        """Return the extent of an input that gives `output`, or the nearest possible one."""
        pads = self.params(1).pads(self.kernel)
        height, width = (self._extent(axis, sum(pads[axis]), max(pads[axis])) for axis in (0, 1))
        return height, width

    def _extent(self, axis: int, padded: int, largest_pad: int) -> int:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        if self.fit == "equal":
            extent = self.kernel[axis]
        elif self.fit == "larger":
            extent = self.kernel[axis] - 1
        else:
            extent = (self.output[axis] - 1) * self.stride[axis] + reach - padded + self.spare[axis]
        least = {"reflect": largest_pad + 1, "circular": largest_pad}.get(self.padding_mode, 1)
        return max(extent, reach - padded, least, 1)


@lru_cache(maxsize=None)
def _among(options: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(options)


def seeds() -> st.SearchStrategy[int]:
    """Return seeds of values, as two small draws."""
    return st.tuples(_among(tuple(range(97))), _among(tuple(range(97)))).map(
        lambda pair: 97 * pair[0] + pair[1]
    )


@st.composite
def cases(
    draw: Draw,
    values: Sequence[str] = tuple(VALUES),
    derived: Mapping[str, str] = MappingProxyType({}),
    **only: Sequence[str],
) -> Case:
    """Return a strategy for calls inside the active domain.

    `only` narrows factors of `properties.domain.FACTORS` to some of their levels, `values` the
    kinds of data; `derived` names levels that the property's further calls need. Raises
    `OutOfDomain` where the domain lacks them. Shrinks towards a 1x1 kernel on one pixel with
    small integers.
    """
    domain = active().within(**only)
    for factor, needed in derived.items():
        active().within(**{factor: (needed,)})

    def level(factor: str, but: Sequence[str] = ()) -> str:
        options = domain.options(factor)
        options = tuple(o for o in options if o not in but) or options
        return str(draw(_among(options)))

    geometry = _geometry(draw, level, draw(_among(STRETCH)))
    dtype, bias, passes = level("dtype"), level("bias"), level("passes", _no_bias(only))
    stretch = draw(_among(STRETCH))
    left = MAX_MACS // _macs(geometry)
    groups, multiplier, shared = _channels(draw, level("groups"), stretch, left)
    batch = level("batch", ("0",) if draw(_among(MOSTLY)) else ())
    if batch.isdigit() and int(batch) * groups * multiplier * shared > left:
        batch = str(min((b for b in domain.options("batch")), key=_images))
    bias = "yes" if "bias" in passes.split("+") else bias
    parts = _Parts(geometry, dtype, bias == "yes", passes, groups, multiplier, shared, batch)
    layouts = tuple(level("layout") for _ in range(3))
    kind, seed, exponent = draw(_among(tuple(values))), draw(seeds()), draw(_among(EXPONENTS))

    def assemble(avoid: Avoidance) -> Case:
        return _assemble(parts, layouts, kind, seed, exponent, avoid)

    return avoiding(assemble)


def _no_bias(only: dict[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the levels of `passes` that a property without bias must not draw."""
    if tuple(only.get("bias", ())) != ("no",):
        return ()
    return ("bias", "input+bias", "weight+bias", "input+weight+bias")


@dataclass(frozen=True)
class _Parts:
    geometry: Geometry
    dtype: str
    bias: bool
    passes: str
    groups: int
    multiplier: int  # out_channels // groups
    shared: int  # in_channels // groups
    batch: str


def _images(batch: str) -> int:
    return int(batch) if batch.isdigit() and batch != "0" else 1


def _macs(geometry: Geometry) -> int:
    size = geometry.params(1).output_size(geometry.input_size(), geometry.kernel)
    return geometry.kernel[0] * geometry.kernel[1] * size[0] * size[1]


def _geometry(draw: Draw, level: Callable[..., str], stretch: str) -> Geometry:
    padding = level("padding", () if "1" in active().options("stride") else ("same",))
    stride = _pair("1" if padding == "same" else level("stride"))
    dilation, kernel = _pair(level("dilation")), _kernel(draw, level("kernel"))
    reach = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    named = {"kernel": reach, "same": "same", "valid": "valid"}
    left = MAX_MACS // (kernel[0] * kernel[1])
    width = draw(_among(_upto(EXTENTS if stretch == "width" else SMALL, left)))
    height = draw(_among(_upto(EXTENTS if stretch == "height" else SMALL, left // width)))
    spare = draw(_among((0, 1, 2, 3)))
    return Geometry(
        kernel=kernel,
        stride=stride,
        padding=named[padding] if padding in named else _pair(padding),
        dilation=dilation,
        padding_mode=level("padding_mode"),
        output=(height, width),
        spare=(min(spare, stride[0] - 1), min(spare, stride[1] - 1)),
        fit=draw(_among(FITS)),
    )


def _kernel(draw: Draw, form: str) -> Pair:
    if form == "1x1":
        return (1, 1)
    size = draw(_among(SIZES))
    if form == "rectangle":
        other = draw(_among(SIZES))
        return (size, other if other != size else size + 1)
    return {"square": (size, size), "1xK": (1, size), "Kx1": (size, 1)}[form]


def _channels(draw: Draw, form: str, stretch: str, left: int) -> tuple[int, int, int]:
    """Return groups, out_channels per group, in_channels per group."""
    if form in ("depthwise", "multiplier"):
        wide = stretch in ("in_channels", "out_channels", "both_channels")
        multiplier = 1 if form == "depthwise" else draw(_among((2, 3)))
        options = CHANNELS[1:] if wide else (2, 3, 5)
        return draw(_among(_upto(options, left // multiplier))), multiplier, 1
    groups = {"1": 1, "2": 2}.get(form) or draw(_among((3, 5, 7)))
    left //= groups
    both = stretch == "both_channels"
    shared = draw(_among(_upto(CHANNELS if both or stretch == "in_channels" else SMALL, left)))
    out = CHANNELS if both or stretch == "out_channels" else SMALL
    return groups, draw(_among(_upto(out, left // shared))), shared


def _upto(options: tuple[int, ...], most: int) -> tuple[int, ...]:
    return tuple(option for option in options if option <= most) or options[:1]


def _pair(text: str) -> Pair:
    first, _, second = text.partition(",")
    return int(first), int(second or first)


def _assemble(
    parts: _Parts, layouts: Sequence[str], kind: str, seed: int, exponent: int, avoid: Avoidance
) -> Case:
    geometry = parts.geometry
    height, width = geometry.input_size()
    batch = () if parts.batch == "unbatched" else (int(parts.batch),)
    channels = parts.groups * parts.shared
    out_channels = parts.groups * parts.multiplier
    first, second = (WIDE[parts.dtype] if k == "wide" else k for k in VALUES[kind])
    integer = "integers" if kind not in ("normal", "cancelling", "sparse") else "normal"
    # Without a batch there is no channels_last; torch refuses the format.
    layout = ("contiguous", layouts[1], "contiguous") if not batch else layouts
    case = Case(
        Tensor(
            (*batch, channels, max(height, avoid.min_height), max(width, avoid.min_width)),
            Recipe(first, 4 * seed, exponent),
            layout[0],
        ),
        Tensor(
            (out_channels, parts.shared, *geometry.kernel), Recipe(second, 4 * seed + 1), layout[1]
        ),
        Tensor((out_channels,), Recipe(integer, 4 * seed + 2, exponent)) if parts.bias else None,
        geometry.params(parts.groups),
        parts.dtype,
    )
    if parts.passes == "forward":
        return case
    upstream = Tensor(case.output_shape, Recipe(integer, 4 * seed + 3), layout[2])
    return case.replace(gradients=tuple(parts.passes.split("+")), grad_output=upstream)
