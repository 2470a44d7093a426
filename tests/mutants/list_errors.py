"""The list of mutants that are wrong on invalid calls only."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.catalogue import EDITED, REFUSED, Call, Mutant

PLAIN = Call(x=(2, 3, 7, 6), w=(2, 3, 3, 3), bias=True)

# The others show on these calls alone.
WHERE = {
    "weight_in_the_input_dtype": {"invalid": "dtype of weight or bias"},
    "scaled_before_it_is_checked": {"invalid": "all but the input"},
    "dead_after_a_refusal": {"sequence": "a call after a refused one"},
}
ERRORS = tuple(
    Mutant(
        f"errors:{place}",
        defect,
        (REFUSED, EDITED),
        replace(PLAIN, invalid=name),
        PLAIN,
        klass="validation",
        region=WHERE.get(place, {"invalid": name}),
        fatal=fatal,
    )
    for place, defect, name, fatal in (
        ("negative_padding_is_none", "negative padding is taken for none", "negative padding", ""),
        ("one_bias_for_all", "a bias of one element is broadcast", "length of bias", ""),
        ("groups_that_fit", "groups that do not divide are ignored", "groups and in_channels", ""),
        ("weight_in_the_input_dtype", "mixed dtypes are converted", "dtype of weight", ""),
        ("stride_zero_is_one", "a stride of zero is taken for one", "zero stride", ""),
        ("fractions_are_cut", "the fraction of a stride is cut off", "type of stride", ""),
        ("padding_looked_up", "an unknown string is a KeyError", "type of padding", ""),
        ("scaled_before_it_is_checked", "a refused input is left doubled", "zero stride", ""),
        ("dead_after_a_refusal", "the call after a refused one is wrong", "zero stride", ""),
        ("segfault_on_huge_padding", "huge padding ends the process", "huge padding", "crash"),
        ("UnknownModeIsZeros", "unknown modes pad with zeros", "unknown padding_mode", ""),
    )
)
