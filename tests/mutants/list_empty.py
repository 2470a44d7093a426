"""The list of mutants that are wrong on extents of zero."""

from __future__ import annotations

from tests.mutants.catalogue import CHANNELLESS, EMPTY, Call, Mutant

EXTENTS_OF_ZERO = (
    Mutant(
        "empty:no_images_give_one",
        "no images give one image of zeros",
        (EMPTY,),
        Call(x=(0, 4, 7, 6)),
        klass="bookkeeping",
        region={"batch": "0"},
    ),
    Mutant(
        "empty:no_channels_give_no_bias",
        "without input channels the bias is left out",
        (CHANNELLESS,),
        Call(x=(2, 0, 7, 6), w=(4, 0, 3, 3), bias=True),
        Call(bias=True),
        klass="bookkeeping",
        region={"in_channels": "0", "bias": "yes"},
    ),
)
