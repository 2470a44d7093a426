"""The list of mutants that are wrong at the edges: of extents, of 32 bits and of what is valid."""

from __future__ import annotations

from tests.mutants.catalogue import CHANNELLESS, EDITED, REFUSED, STEPS, Call, Mutant

PLAIN = Call(x=(2, 3, 7, 6), w=(2, 3, 3, 3), bias=True)

EDGES = (
    Mutant(
        "edges:channelless_grouped",
        "groups without input channels lose the bias",
        (CHANNELLESS,),
        Call(x=(2, 0, 7, 6), w=(4, 0, 3, 3), groups=2, bias=True),
        Call(groups=2, w=(4, 2, 3, 3), bias=True),
        klass="bookkeeping",
        region={"in_channels": "0", "bias": "yes", "groups": "2 or more"},
    ),
    Mutant(
        "edges:channelless_unbatched",
        "an image alone without channels loses the bias",
        (CHANNELLESS,),
        Call(x=(0, 7, 6), w=(4, 0, 3, 3), bias=True),
        Call(bias=True),
        klass="bookkeeping",
        region={"in_channels": "0", "bias": "yes", "batch": "unbatched"},
    ),
    Mutant(
        "edges:stride_keeps_32_bits",
        "strides are taken modulo 2^32",
        (STEPS,),
        Call(stride=(2**32, 1)),
        Call(stride=(2, 1)),
        klass="geometry",
        region={"stride": "2^32 or more"},
    ),
    Mutant(
        "edges:wide_dilation_sees_nothing",
        "a dilation of more than 31 bits puts the one tap outside the image",
        (STEPS,),
        Call(w=(4, 4, 1, 3), dilation=(2**31, 1)),
        Call(w=(4, 4, 1, 3), dilation=(3, 1)),
        klass="geometry",
        region={"dilation": "2^31 or more"},
    ),
    Mutant(
        "edges:half_weight_is_widened",
        "a float16 weight beside a float32 input is converted",
        (EDITED, REFUSED),
        Call(x=(2, 3, 7, 6), w=(2, 3, 3, 3), bias=True, invalid="dtype of weight"),
        PLAIN,
        klass="validation",
        region={"invalid": "dtype of weight", "dtype": "float32"},
    ),
    Mutant(
        "edges:int8_weight_is_cast",
        "an int8 weight beside an input of floating-point numbers is converted",
        (EDITED,),
        Call(x=(2, 3, 7, 6), w=(2, 3, 3, 3), bias=True, invalid="dtype of weight"),
        PLAIN,
        klass="validation",
        region={"invalid": "dtype of weight"},
    ),
    Mutant(
        "edges:scalar_is_returned",
        "an input without axes is returned",
        (EDITED, REFUSED),
        Call(x=(2, 3, 7, 6), w=(2, 3, 3, 3), bias=True, invalid="rank of input"),
        PLAIN,
        klass="validation",
        region={"invalid": "rank of input"},
    ),
)
