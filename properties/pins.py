"""From a level to the generator: which options of its choices can lead there.

A pin need not be enough, since levels are read off the finished case; it makes them likely.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from properties.case import Case
from properties.composition import compose
from properties.domain import Domain
from properties.drafts import VALUES
from properties.planned import SIZES

Wanted = Callable[[Any], bool]
Pins = dict[str, Wanted]

FITS = {"inside": "free", "equal to the input": "equal", "larger than the input": "larger"}
STRETCHED = {"output_width": "width", "output_height": "height"}


@cache
def pins_of(factor: str, level: str) -> Pins:
    """Return, for choices of `properties.strategies.compose`, the options that are wanted."""
    if factor in ("in_channels", "out_channels"):
        return _channels(factor, level)
    if factor in STRETCHED:
        return _extent(STRETCHED[factor], level)
    if factor.endswith("_layout"):
        return _layout(factor, level)
    special: dict[str, Callable[[str], Pins]] = {
        "dtype": lambda level: {"dtype and bias": lambda o: o[0] == level},
        "bias": _bias,
        "stride": _pair("stride"),
        "dilation": _pair("dilation"),
        "padding": _padding,
        "padding_ends": lambda level: {"padding": lambda o: o == "same" or level == "even"},
        "reads": _reads,
        "kernel_size": _kernel_size,
        "kernel_fit": lambda level: {"fit": lambda o: o[0] == FITS[level]},
        "stride_vs_kernel": lambda level: {"stride": lambda o: level == "within" or o != "1"},
        "remainder": _remainder,
        "values": _valued,
        "scale": _scale,
    }
    if factor in special:
        return special[factor](level)
    return {factor: lambda o: o == level}


def plainest(domain: Domain, levels: Mapping[str, str]) -> Case:
    """Return the plainest call of a domain that has these levels, as far as it has them.

    Raises OutOfDomain where there is no call at all.
    """
    pins = [pins_of(*level) for level in levels.items()]

    def choose(choice: str, options: tuple[Any, ...]) -> Any:
        for wanted in (pin[choice] for pin in pins if choice in pin):
            options = tuple(filter(wanted, options)) or options
        return options[0]

    return compose(choose, domain, tuple(VALUES))


def _bias(level: str) -> Pins:
    return {
        "dtype and bias": lambda o: o[1] == level,
        "passes": lambda o: level == "yes" or "bias" not in o,
    }


def _pair(choice: str) -> Callable[[str], Pins]:
    return lambda level: {choice: lambda o: "," in o if level == "unequal" else o == level}


def _padding(level: str) -> Pins:
    if level == "kernel or more":
        return {"padding": lambda o: o in ("kernel", "1", "2")}
    return _pair("padding")(level)


def _reads(level: str) -> Pins:
    if level == "the input":
        return {}
    # One pixel in the middle of the padding, and steps that miss it.
    return {
        "padding": lambda o: o in ("1", "2", "3,1", "kernel"),
        "stride": lambda o: o != "1",
        "dilation": lambda o: o != "1",
        "size": lambda o: o <= 3,
    }


def _kernel_size(level: str) -> Pins:
    if level == "below 7":
        return {name: lambda o: o < 7 for name in ("size", "other size")}
    return {"size": lambda o: o >= 7, "kernel": lambda o: o != "1x1"}


def _remainder(level: str) -> Pins:
    if level == "none":
        return {}
    return {"stride": lambda o: o != "1", "fit": lambda o: o[0] == "free" and o[1] > 0}


def _scale(level: str) -> Pins:
    sign = {"up": 1, "down": -1}.get(level, 0)
    return {"values and scale": lambda o: (o[1] > 0) - (o[1] < 0) == sign}


def _layout(factor: str, level: str) -> Pins:
    name = factor.removesuffix("_layout")
    if level == "none":
        return _bias("no") if name == "bias" else {"passes": lambda o: o == "forward"}
    pins: Pins = {factor: lambda o: o == level}
    if name == "bias":
        pins["dtype and bias"] = lambda o: o[1] == "yes"
    if name == "grad_output":
        pins["passes"] = lambda o: o != "forward"
    return pins


def _channels(which: str, level: str) -> Pins:
    if SIZES[level][1] > 3:
        return {"stretch": lambda o: o[1] in (which, "both_channels")}
    return {"stretch": lambda o: o[1] not in (which, "both_channels")}


def _extent(axis: str, level: str) -> Pins:
    low, high = SIZES[level]
    pins: Pins = {axis: lambda o: low <= o <= high}
    if high > 3:
        pins |= {"stretch": lambda o: o[0] in (axis, "both"), "fit": lambda o: o[0] == "free"}
    if high > 17:  # as many as padding alone can make of a small input
        pins |= {"padding": lambda o: o == "kernel"}
    return pins


def _valued(level: str) -> Pins:
    kinds = _kinds(level)
    return {"values and scale": lambda o: o[0] in kinds}


def _kinds(level: str) -> tuple[str, ...]:
    """Return the kinds of data whose recipes have these names."""
    if level == "words x words":
        return ("normal", "wide input")
    return tuple(kind for kind, pair in VALUES.items() if " x ".join(pair) == level)
