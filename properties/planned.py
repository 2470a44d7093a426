"""The factors of a call that a run is to cover, each with its levels, plainest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from properties.domain import FACTORS as DOMAIN
from properties.domain import Domain
from properties.layouts import LAYOUTS, OF_VECTORS

COSTLY = ("compile", "compile-inductor")  # modes of which a few cases must do
Level = tuple[str, str]  # a factor and one of its levels
Levels = Mapping[str, Sequence[str]]
SIZES = {
    "1": (1, 1),
    "2": (2, 2),
    "3": (3, 3),
    "4 to 9": (4, 9),
    "15 to 17": (15, 17),
    "31 to 33": (31, 33),
    "63 to 65": (63, 65),
}
PLANNED: Levels = {
    "dtype": DOMAIN["dtype"],
    "kernel": DOMAIN["kernel"],
    "kernel_parity": ("odd", "even", "mixed"),
    "kernel_size": ("below 7", "7 or more"),
    "kernel_fit": ("inside", "equal to the input", "larger than the input"),
    "stride": ("1", "2", "3", "unequal"),
    "stride_vs_kernel": ("within", "larger"),
    "remainder": ("none", "left over"),
    "padding": ("0", "1", "2", "unequal", "kernel or more", "valid", "same"),
    "padding_ends": ("even", "uneven"),
    "padding_mode": DOMAIN["padding_mode"],
    "reads": ("the input", "only padding"),
    "dilation": ("1", "2", "3", "unequal"),
    "groups": DOMAIN["groups"],
    "batch": DOMAIN["batch"],
    "bias": DOMAIN["bias"],
    "passes": DOMAIN["passes"],
    "mode": tuple(mode for mode in DOMAIN["mode"] if mode not in COSTLY),
    "in_channels": tuple(SIZES),
    "out_channels": tuple(SIZES),
    "output_width": tuple(SIZES),
    "output_height": tuple(SIZES),
    "values": (
        *("integers x integers", "normal x normal", "onehot x integers", "integers x onehot"),
        *("integers x ones", "sparse x sparse", "cancelling x normal", "wide x signs"),
        *("signs x wide", "signs x signs", "few x normal", "normal x few", "words x words"),
    ),
    "scale": ("0", "up", "down"),
    "input_layout": LAYOUTS,
    "weight_layout": LAYOUTS,
    "bias_layout": ("none", *OF_VECTORS),
    "grad_output_layout": ("none", *LAYOUTS),
}
# Levels of the domain that go by another name here.
_NAMED = {"kernel": "kernel or more", "valid": "valid", "same": "same"}


def planned(domain: Domain) -> dict[str, Sequence[str]]:
    """Return the factors with the levels that a domain leaves them, as far as it names them."""
    left: dict[str, Sequence[str]] = dict(PLANNED)
    for factor in left.keys() & DOMAIN.keys():
        options = domain.options(factor)
        if factor in ("stride", "dilation", "padding"):
            options = tuple(_NAMED.get(o, "unequal" if "," in o else o) for o in options)
        if factor == "padding" and {"1", "2"} & {*options}:
            options += ("kernel or more",)  # of a small kernel
        left[factor] = tuple(level for level in left[factor] if level in options)
    options = ("none", *domain.options("layout"))
    for factor in (f"{name}_layout" for name in ("input", "weight", "bias", "grad_output")):
        left[factor] = tuple(o for o in left[factor] if o in options) or ("contiguous",)
    return left
