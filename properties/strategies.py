"""Hypothesis strategies for calls: valid by construction, boundary first, small.

A draw picks levels of factors and the size of the *output*; the input's extent follows from them,
so no draw is ever rejected. Every draw is `sampled_from` of fewer than 100 items, plainest first:
shrinking walks towards the plainest call, and the same seed gives the same calls in every
installation (other strategies of Hypothesis mix constants of local modules into their draws).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from properties.case import Case
from properties.domain import FACTORS, Domain, OutOfDomain, active
from properties.drafts import SCALES, VALUES, Draft, Geometry, Pair
from properties.dtypes import INTEGER
from properties.feasibility import left_by_mode
from properties.known import avoiding

# Multiply-accumulates that sizes are chosen for. Where a padding mode dictates a larger input
# (reflect by more than a dilated 8x8 kernel) a call may need 17 times as many.
MAX_MACS = 100_000
SIZES = (3, 2, 5, 4, 7, 8)  # of a kernel along an axis
EXTENTS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)  # of an output
CHANNELS = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)
SMALL = (1, 2, 3)
# Which extents and channels may be large in one call.
STRETCH = tuple(
    product(
        ("nothing", "width", "height"), ("nothing", "in_channels", "out_channels", "both_channels")
    )
)
# How the kernel fits in the unpadded input, and what the last stride leaves over.
FITS = tuple(product(("free", "free", "free", "equal", "larger"), (0, 1, 2, 3)))
# Fast paths want several parameters plain at once: how many more times the first level is offered.
PLAIN = {"stride": 3, "dilation": 3, "groups": 2, "padding_mode": 2, "dtype": 4}
TWICE = ("float64", "float16", "bfloat16")  # offered twice, where float32 is five times
DIGITS = tuple(range(97))  # of a seed
COSTLY = ("compile", "compile-inductor")

Draw = st.DrawFn


@cache
def _among(options: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(options)


@st.composite
def either(draw: Draw, first: st.SearchStrategy[Case], second: st.SearchStrategy[Case]) -> Case:
    """Return a strategy that draws from one or the other; `second` where `first` is outside."""
    if not draw(st.booleans()):
        with suppress(OutOfDomain):
            return draw(first)
    return draw(second)


@st.composite
def cases(
    draw: Draw,
    /,
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
    domain = active().within(**{"mode": ("eager",), **only})
    for factor, needed in derived.items():
        active().within(**{factor: (needed,)})

    mode, domain = _mode(draw, domain)

    def level(factor: str, but: Sequence[str] = ()) -> str:
        options = tuple(option for option in domain.options(factor) if option not in but)
        if not options:
            raise OutOfDomain(f"no {factor} is left that the other declared levels allow")
        return str(draw(_among(options[:1] * PLAIN.get(factor, 0) + options)))

    wide, stretch = draw(_among(STRETCH))
    geometry = _geometry(draw, level, wide, domain)
    # The order matters to shrinking: of two failing calls the one whose earlier draws are plainer
    # wins, and one with fewer draws always does.
    drawn_passes = level("passes", _unusable_passes(domain))
    dtype, bias = draw(_among(_dtypes_and_biases(domain)))
    passes = "forward" if dtype in INTEGER else drawn_passes
    form = level("groups")
    left = MAX_MACS // _macs(geometry)
    groups, multiplier, shared = _channels(draw, form, stretch, left)
    batches = _batches(domain)
    batch = draw(_among(batches))
    if _images(batch) * groups * multiplier * shared > left:
        batch = min(batches, key=_images)
    kind, scale = draw(_among(tuple(product(values, SCALES))))
    draft = Draft(
        geometry=geometry,
        dtype=dtype,
        bias=bias == "yes" or "bias" in passes.split("+"),
        passes=passes,
        groups=groups,
        multiplier=multiplier,
        shared=shared,
        batch=batch,
        layouts=draw(_among(_layouts(domain.options("layout"), passes))),
        values=kind,
        seed=draw(seeds()),
        scale=scale,
    )
    return avoiding(lambda avoid: draft.assemble(avoid).in_mode(mode))


def _mode(draw: Draw, domain: Domain) -> tuple[str, Domain]:
    """Return the mode and the domain that it leaves; those that cost much are drawn seldom."""
    ways = left_by_mode(domain)
    if not ways:
        raise OutOfDomain("no mode goes with the other declared levels")
    modes = tuple(ways)
    if len(modes) == 1:
        return modes[0], ways[modes[0]]
    often = tuple(mode for mode in modes if mode not in COSTLY)
    mode = draw(_among(often * 2 + tuple(mode for mode in modes if mode in COSTLY)))
    return mode, ways[mode]


@st.composite
def seeds(draw: Draw) -> int:
    """Return seeds of values, as two small draws."""
    return 97 * int(draw(_among(DIGITS))) + int(draw(_among(DIGITS)))


def _dtypes_and_biases(domain: Domain) -> tuple[tuple[str, str], ...]:
    """Return the pairs to choose from; integers have no gradients."""
    dtypes = domain.options("dtype")
    if "forward" not in domain.options("passes"):
        dtypes = tuple(dtype for dtype in dtypes if dtype not in INTEGER)
    if not dtypes:
        raise OutOfDomain("integers have no gradients")
    several = dtypes[:1] * PLAIN["dtype"] + dtypes + tuple(d for d in TWICE if d in dtypes)
    return tuple(product(several, domain.options("bias")))


def _unusable_passes(domain: Domain) -> tuple[str, ...]:
    """Return the passes that name a bias, where there can be none."""
    if domain.options("bias") != ("no",):
        return ()
    return tuple(passes for passes in FACTORS["passes"] if "bias" in passes)


def _batches(domain: Domain) -> tuple[str, ...]:
    """Return the batches; without one there is no channels_last, torch refuses the format."""
    options = domain.options("batch")
    if "contiguous" not in domain.options("layout"):
        options = tuple(batch for batch in options if batch != "unbatched")
    if not options:
        raise OutOfDomain("an unbatched image cannot be channels_last")
    return options


@cache
def _layouts(options: tuple[str, ...], passes: str) -> tuple[tuple[str, ...], ...]:
    """Return the layouts of input, weight and grad_output; the last matters to gradients only."""
    if passes == "forward":
        return tuple((first, second, "contiguous") for first, second in product(options, repeat=2))
    return tuple(product(options, repeat=3))


def _images(batch: str) -> int:
    return int(batch) if batch.isdigit() else 1


def _macs(geometry: Geometry) -> int:
    size = geometry.params(1).output_size(geometry.input_size(), geometry.kernel)
    return geometry.kernel[0] * geometry.kernel[1] * size[0] * size[1]


def _geometry(draw: Draw, level: Callable[..., str], stretch: str, domain: Domain) -> Geometry:
    padding = level("padding", () if "1" in domain.options("stride") else ("same",))
    # Drawn even where "same" leaves no choice: fewer draws would make "same" plainer than 0.
    drawn_stride = level("stride")
    stride = _pair("1" if padding == "same" else drawn_stride)
    dilation, kernel = _pair(level("dilation")), _kernel(draw, level("kernel"))
    reach = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    named: dict[str, Pair | str] = {"kernel": reach, "same": "same", "valid": "valid"}
    left = MAX_MACS // (kernel[0] * kernel[1])
    width = draw(_among(_upto(EXTENTS if stretch == "width" else SMALL, left)))
    height = draw(_among(_upto(EXTENTS if stretch == "height" else SMALL, left // width)))
    fit, spare = draw(_among(FITS))
    return Geometry(
        kernel=kernel,
        stride=stride,
        padding=named[padding] if padding in named else _pair(padding),
        dilation=dilation,
        padding_mode=level("padding_mode"),
        output=(height, width),
        spare=(min(spare, stride[0] - 1), min(spare, stride[1] - 1)),
        fit=fit,
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
        wide = stretch != "nothing"
        # Drawn for depthwise too: with fewer draws than groups=1 it would be plainer than that.
        drawn_multiplier = draw(_among((2, 3)))
        multiplier = 1 if form == "depthwise" else drawn_multiplier
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
