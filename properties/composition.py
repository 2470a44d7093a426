"""A call from choices: valid by construction, boundary first, small.

A call is a level for each factor and the size of the *output*; the input's extent follows from
them, so no choice is ever rejected. Who chooses is left open: Hypothesis in the search
(`properties.strategies`), a covering array in `properties.covering`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product
from typing import Any

from properties.case import Case
from properties.domain import FACTORS, Domain, OutOfDomain, pair_of
from properties.drafts import SCALES, Draft, Geometry, Pair, along
from properties.dtypes import DTYPES, INTEGER
from properties.feasibility import layouts_left, left_by_mode
from properties.known import Avoidance, avoiding
from properties.layouts import refusal
from properties.planned import COSTLY

# Multiply-accumulates that sizes are chosen for. Where a padding mode dictates a larger input
# (reflect by more than a dilated 8x8 kernel) a call may need 17 times as many.
MAX_MACS = 100_000
SIZES = (3, 3, 3, 2, 5, 4, 7, 8)  # of a kernel along an axis; libraries have most paths for 3x3
EXTENTS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)  # of an output
CHANNELS = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)
SMALL = (1, 2, 3)
# Which extents and channels may be large in one call.
STRETCH = (
    *product(
        ("nothing", "width", "height"), ("nothing", "in_channels", "out_channels", "both_channels")
    ),
    ("both", "nothing"),
)
# How the kernel fits in the unpadded input, and what the last stride leaves over.
FITS = tuple(product(("free", "free", "free", "equal", "larger"), (0, 1, 2, 3)))
# Fast paths want several parameters plain at once: how many more times the first level is offered.
PLAIN = {"stride": 3, "dilation": 3, "groups": 2, "padding_mode": 2, "dtype": 4}
TWICE = ("float64", "float16", "bfloat16")  # offered twice, where float32 is five times
DIGITS = tuple(range(97))  # of a seed

# Layouts that most tensors have; every other one is offered once.
COMMON = {"contiguous": 14, "channels_last": 8}

Choose = Callable[[str, tuple[Any, ...]], Any]  # of a choice's name and options, one option


def compose(
    choose: Choose, domain: Domain, values: Sequence[str], derivative: str = "first"
) -> Case:
    """Return a call inside the domain; `choose` takes one of the options of each choice.

    The `derivative` is the first or one along directions, which what is chosen must allow.

    The order of the choices matters to shrinking: of two failing calls the one whose earlier
    choices are plainer wins, and one with fewer of them always does.
    """
    mode, domain = _mode(choose, domain)

    def level(factor: str, but: Sequence[str] = ()) -> str:
        options = tuple(option for option in domain.options(factor) if option not in but)
        if not options:
            raise OutOfDomain(f"no {factor} is left that the other declared levels allow")
        return str(choose(factor, options[:1] * PLAIN.get(factor, 0) + options))

    wide, stretch = choose("stretch", STRETCH)
    geometry = _geometry(choose, level, wide, domain)
    drawn_passes = level("passes", _unusable_passes(domain))
    dtype, bias = choose("dtype and bias", _dtypes_and_biases(domain))
    passes = "forward" if dtype in INTEGER else drawn_passes
    form = level("groups")
    left = MAX_MACS // _macs(geometry)
    groups, multiplier, shared = _channels(choose, form, stretch, left)
    batches = _batches(domain)
    batch = choose("batch", batches)
    if _images(batch) * groups * multiplier * shared > left:
        batch = min(batches, key=_images)
    kind, scale = choose("values and scale", tuple(product(values, SCALES)))
    ranks = {"input": 4, "weight": 4, "bias": 1, "grad_output": 4}
    if batch == "unbatched":
        ranks |= {"input": 3, "grad_output": 3}
    left_of = partial(layouts_left, mode, options=domain.options("layout"))
    draft = Draft(
        geometry=geometry,
        dtype=dtype,
        bias=bias == "yes" or "bias" in passes.split("+"),
        passes=passes,
        groups=groups,
        multiplier=multiplier,
        shared=shared,
        batch=batch,
        layouts=tuple(
            choose(f"{name}_layout", _layouts(left_of(name), rank, DTYPES[dtype].kind))
            for name, rank in ranks.items()
        ),
        values=kind,
        seed=seed_from(choose),
        scale=scale,
    )

    def assemble(avoid: Avoidance) -> Case:
        case = draft.assemble(avoid).in_mode(mode)
        return case if derivative == "first" else along(case, derivative)

    return avoiding(assemble)


def _mode(choose: Choose, domain: Domain) -> tuple[str, Domain]:
    """Return the mode and the domain that it leaves; those that cost much are drawn seldom."""
    ways = left_by_mode(domain)
    if not ways:
        raise OutOfDomain("no mode goes with the other declared levels")
    modes = tuple(ways)
    if len(modes) == 1:
        return modes[0], ways[modes[0]]
    often = tuple(mode for mode in modes if mode not in COSTLY)
    mode = choose("mode", often * 2 + tuple(mode for mode in modes if mode in COSTLY))
    return mode, ways[mode]


def seed_from(choose: Choose) -> int:
    """Return a seed of values, as two small choices."""
    return 97 * int(choose("seed", DIGITS)) + int(choose("low seed", DIGITS))


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
    """Return the batches; an image alone lacks some layouts, as torch refuses channels_last."""
    options = domain.options("batch")
    if all(refusal(layout, 3, "complex") for layout in domain.options("layout")):
        options = tuple(batch for batch in options if batch != "unbatched")
    if not options:
        raise OutOfDomain("an unbatched image has none of the declared layouts")
    return options


@cache
def _layouts(options: tuple[str, ...], rank: int, kind: str) -> tuple[str, ...]:
    """Return the layouts of a tensor, the common ones several times; a vector is what it can be."""
    possible = tuple(option for option in options if not refusal(option, rank, kind))
    common = tuple(option for option in possible for _ in range(COMMON.get(option, 1)))
    return common or ("contiguous",)


def _images(batch: str) -> int:
    return int(batch) if batch.isdigit() else 1


def _macs(geometry: Geometry) -> int:
    size = geometry.output_size
    return geometry.kernel[0] * geometry.kernel[1] * size[0] * size[1]


def _geometry(choose: Choose, level: Callable[..., str], stretch: str, domain: Domain) -> Geometry:
    padding = level("padding", () if "1" in domain.options("stride") else ("same",))
    # Drawn even where "same" leaves no choice: fewer draws would make "same" plainer than 0.
    drawn_stride = level("stride")
    stride = pair_of("1" if padding == "same" else drawn_stride)
    dilation, kernel = pair_of(level("dilation")), _kernel(choose, level("kernel"))
    reach = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    named: dict[str, Pair | str] = {"kernel": reach, "same": "same", "valid": "valid"}
    left = MAX_MACS // (kernel[0] * kernel[1])
    width = choose("width", _upto(EXTENTS if stretch in ("width", "both") else SMALL, left))
    height = choose(
        "height", _upto(EXTENTS if stretch in ("height", "both") else SMALL, left // width)
    )
    fit, spare = choose("fit", FITS)
    if fit == "equal":
        # An input as small has as many outputs as padding makes of it.
        steps = zip(reach, kernel, stride, (height, width), strict=True)
        named["kernel"] = tuple(max(r, ((n - 1) * s + r - k + 1) // 2) for r, k, s, n in steps)
    return Geometry(
        kernel=kernel,
        stride=stride,
        padding=named[padding] if padding in named else pair_of(padding),
        dilation=dilation,
        padding_mode=level("padding_mode"),
        output=(height, width),
        spare=(min(spare, stride[0] - 1), min(spare, stride[1] - 1)),
        fit=fit,
    )


def _kernel(choose: Choose, form: str) -> Pair:
    if form == "1x1":
        return (1, 1)
    size = choose("size", SIZES)
    if form == "rectangle":
        other = choose("other size", SIZES)
        return (size, other if other != size else size + 1)
    return {"square": (size, size), "1xK": (1, size), "Kx1": (size, 1)}[form]


def _channels(choose: Choose, form: str, stretch: str, left: int) -> tuple[int, int, int]:
    """Return groups, out_channels per group, in_channels per group."""
    if form in ("depthwise", "multiplier"):
        stretched = stretch != "nothing"
        # Drawn for depthwise too: with fewer draws than groups=1 it would be plainer than that.
        drawn_multiplier = choose("multiplier", (2, 3))
        multiplier = 1 if form == "depthwise" else drawn_multiplier
        options = CHANNELS[1:] if stretched else (2, 3, 5)
        return choose("channels", _upto(options, left // multiplier)), multiplier, 1
    groups = {"1": 1, "2": 2}.get(form) or choose("prime", (3, 5, 7, 11))
    left //= groups
    both = stretch == "both_channels"
    wide = CHANNELS if both or stretch == "in_channels" else SMALL
    shared = choose("channels", _upto(wide, left))
    out = CHANNELS if both or stretch == "out_channels" else SMALL
    return groups, choose("out channels", _upto(out, left // shared)), shared


def _upto(options: tuple[int, ...], most: int) -> tuple[int, ...]:
    return tuple(option for option in options if option <= most) or options[:1]
