"""The layers that known networks are made of, with their own kernels, strides and channels.

A backend has most of its fast paths for these, and a path is taken where several parameters are
just so: 3x3 with a padding of 1 from 16 channels to 16 is one call among millions of the factors'
own, and the commonest of all in use. Images are small; everything else is as in the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

from hypothesis import strategies as st

from properties.case import Case, Tensor
from properties.composition import seed_from
from properties.domain import Domain, OutOfDomain, active
from properties.drafts import SCALES, VALUES, Draft, Geometry, Pair
from properties.dtypes import FLOATING
from properties.known import avoiding
from properties.levels import levels
from properties.strategies import Draw, among
from properties.values import Recipe
from reference import Conv2dParams

Channels = tuple[int, int, int]  # groups, outputs and inputs of a group

_BLOCKS: Sequence[Channels] = ((1, 16, 16), (1, 32, 32), (1, 64, 64), (1, 16, 3), (1, 32, 16))
_DEPTHWISE: Sequence[Channels] = tuple((channels, 1, 1) for channels in (8, 16, 24, 32, 48, 96))
# Of an output; with stride 2 twice as many pixels, or one fewer.
SIZES: Sequence[Pair] = ((4, 4), (7, 7), (8, 8), (1, 1), (6, 10))
DTYPES = ("float32", "float32", "float32", "float64", "float16", "bfloat16", "complex64")
FORMATS = ("contiguous", "channels_last")
FACTORS = ("kernel", "stride", "padding", "dilation", "groups")


@dataclass(frozen=True)
class Layer:
    """The parameters of a layer, and the channels that it has in one network or another."""

    kernel: Pair
    channels: Sequence[Channels] = _BLOCKS
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)


LAYERS: Sequence[Layer] = (
    Layer((3, 3), padding=(1, 1)),  # VGG, ResNet, U-Net; the commonest thrice
    Layer((3, 3), padding=(1, 1)),
    Layer((3, 3), padding=(1, 1)),
    Layer((3, 3), stride=(2, 2), padding=(1, 1)),
    Layer((3, 3), stride=(2, 2), padding=(1, 1), channels=((1, 32, 3),)),  # MobileNet's first
    Layer((3, 3), channels=((1, 8, 1), (1, 16, 1), (1, 32, 1))),  # the first, of grey images
    Layer((3, 3), padding=(1, 1), channels=((1, 8, 1), (1, 16, 3))),
    Layer((3, 3)),
    Layer((1, 1), channels=((1, 64, 16), (1, 16, 64), (1, 32, 32), (1, 96, 24), (1, 10, 64))),
    Layer((1, 1), stride=(2, 2)),
    Layer((5, 5), padding=(2, 2), channels=((1, 8, 32), (1, 32, 16), (1, 16, 48))),  # AlexNet
    Layer((5, 5), channels=((1, 6, 1), (1, 16, 6), (1, 4, 32))),  # LeNet-5
    Layer((7, 7), stride=(2, 2), padding=(3, 3), channels=((1, 64, 3), (1, 16, 1))),
    Layer((1, 7), padding=(0, 3)),  # Inception
    Layer((7, 1), padding=(3, 0)),
    Layer((3, 3), padding=(2, 2), dilation=(2, 2)),  # DeepLab
    Layer((3, 3), padding=(4, 4), dilation=(4, 4), channels=((1, 16, 16), (1, 21, 32))),
    Layer((3, 3), padding=(1, 1), channels=((32, 4, 4), (8, 8, 8), (2, 24, 24))),  # ResNeXt
    Layer((3, 3), padding=(1, 1), channels=_DEPTHWISE),  # MobileNet
    Layer((3, 3), stride=(2, 2), padding=(1, 1), channels=_DEPTHWISE),
    Layer((5, 5), padding=(2, 2), channels=_DEPTHWISE),  # EfficientNet
    Layer((7, 7), padding=(3, 3), channels=_DEPTHWISE),  # ConvNeXt
    Layer((2, 2), stride=(2, 2)),
    Layer((4, 4), stride=(4, 4), channels=((1, 96, 3), (1, 48, 3))),  # of patches, as in Swin
)


@st.composite
def network_calls(draw: Draw) -> Case:
    """Return a strategy for calls of these layers with all their gradients, in the active domain.

    Raises `OutOfDomain` where none of them lies in it.
    """

    def choose(choice: str, options: Sequence[Any]) -> Any:
        return draw(among(f"{choice} of a network", tuple(options)))

    domain = active().within(
        mode=("eager",), padding_mode=("zeros",), layout=FORMATS, dtype=FLOATING
    )
    layer = choose("layer", claimed(tuple(domain.levels.items())))
    groups, multiplier, shared = choose("channels", layer.channels)
    spare = min(choose("spare", (1, 0)), layer.stride[0] - 1)
    size, dtype = choose("size", SIZES), choose("dtype", _offered(domain, "dtype", DTYPES))
    bias = choose("bias", domain.options("bias"))
    layout = choose("layout", domain.options("layout"))
    values, scale = choose("values and scale", tuple(product(VALUES, SCALES)))
    rest = (layer.dilation, "zeros", size, (spare, spare), "free")
    draft = Draft(
        geometry=Geometry(layer.kernel, layer.stride, layer.padding, *rest),
        dtype=dtype,
        bias=bias == "yes",
        passes=_passes(domain, bias),
        groups=groups,
        multiplier=multiplier,
        shared=shared,
        batch=choose("batch", _offered(domain, "batch", ("1", "2", "5"))),
        layouts=(layout, layout, "contiguous", layout),
        values=values,
        seed=seed_from(choose),
        scale=scale,
    )
    return avoiding(draft.assemble)


@cache
def claimed(constraints: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[Layer, ...]:
    """Return the layers that these constraints of a domain allow, with the channels that they do.

    Raises OutOfDomain where there is none.
    """
    asked = {factor: allowed for factor, allowed in constraints if factor in FACTORS}
    found = []
    for layer in LAYERS:
        known = ((one, levels(_plain(layer, one))) for one in layer.channels)
        channels = tuple(one for one, own in known if all(own[f] in asked[f] for f in asked))
        if channels:
            found.append(replace(layer, channels=channels))
    if not found:
        raise OutOfDomain("no layer of a known network lies in the declared domain")
    return tuple(found)


def _plain(layer: Layer, channels: Channels) -> Case:
    groups, multiplier, shared = channels
    reach = [d * (k - 1) + 1 for d, k in zip(layer.dilation, layer.kernel, strict=True)]
    return Case(
        Tensor((1, groups * shared, *reach), Recipe("integers")),
        Tensor((groups * multiplier, shared, *layer.kernel), Recipe("integers")),
        params=Conv2dParams(layer.stride, layer.padding, layer.dilation, groups),
    )


def _passes(domain: Domain, bias: str) -> str:
    """Return the most gradients that the domain has with such a bias."""
    options = [o for o in domain.options("passes") if bias == "yes" or "bias" not in o]
    if not options:
        raise OutOfDomain("the declared gradients need a bias, and none is declared")
    return max(options, key=lambda passes: (passes != "forward", passes.count("+")))


def _offered(domain: Domain, factor: str, common: Sequence[str]) -> tuple[str, ...]:
    """Return the common levels that the domain has, or all that it has."""
    options = domain.options(factor)
    return tuple(level for level in common if level in options) or options
