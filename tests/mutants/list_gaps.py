"""The list of mutants that lie in what an audit found to be gaps of the suite."""

from __future__ import annotations

from math import nan

from tests.mutants.catalogue import (
    ASKED,
    EDITED,
    EMPTY,
    ENDS,
    LARGE,
    PAIRS,
    SEES,
    SEQUENCES,
    STEPS,
    VALUE,
    Call,
    Mutant,
)

PLAIN = Call(x=(2, 4, 7, 6), w=(2, 4, 3, 3), bias=True)
NO_ROWS = Call(x=(2, 4, 0, 6), padding=(2, 2), refused=True)
GROUPED = Call(x=(0, 4, 7, 6), w=(4, 2, 3, 3), groups=2, padding="same")
SINGLE = Call(x=(1, 1, 2, 2), w=(2, 1, 1, 1), exponent=70)

GAPS = (
    Mutant(
        "gaps:packs_without_grad_mode",
        "without grad mode weights are packed once per address",
        (SEQUENCES,),
        Call(calls=2, mode="no_grad"),
        Call(calls=2),
        klass="state",
        region={"sequence": "weight changed in place", "mode": "no_grad"},
    ),
    Mutant(
        "gaps:h0_crashes",
        "images without rows or columns end the process",
        (EDITED,),
        NO_ROWS,
        klass="extent",
        region={"invalid": "no rows or no columns"},
        fatal="crash",
    ),
    Mutant(
        "gaps:h0_answered",
        "images without rows or columns are answered",
        (EDITED,),
        NO_ROWS,
        klass="extent",
        region={"invalid": "no rows or no columns"},
    ),
    Mutant(
        "gaps:grouped_empty",
        "an empty batch is an IndexError with groups and padding by name",
        (EMPTY,),
        GROUPED,
        Call(x=(0, 4, 7, 6), padding="same"),
        klass="extent",
        region={"batch": "0", "groups": "2 or more", "padding": "same or valid"},
    ),
    Mutant(
        "gaps:huge_finite_nan",
        "a single product that overflows is NaN",
        (ENDS,),
        SINGLE,
        klass="special",
        region={"dtype": "float32", "products": "1", "bias": "no", "values": "products overflow"},
    ),
    Mutant(
        "gaps:huge_finite_neg",
        "a single product that overflows is the other infinity",
        (ENDS,),
        SINGLE,
        klass="special",
        region={"dtype": "float32", "products": "1", "bias": "no", "values": "products overflow"},
    ),
    Mutant(
        "gaps:nhwc_channel_step",
        "every second channel of a channels_last input is read as its neighbour",
        (VALUE,),
        Call(layouts=("input:channels_last-every-other-channel",)),
        Call(layouts=("input",)),
        klass="layout",
        region={"input_layout": "channels_last-every-other-channel"},
    ),
    Mutant(
        "gaps:nhwc_expanded",
        "a channels_last image expanded to a batch is found once",
        (PAIRS,),
        Call(layouts=("input:channels_last-expanded-images",)),
        Call(layouts=("input:expanded-images",)),
        klass="layout",
        region={"input_layout": "channels_last-expanded-images"},
    ),
    Mutant(
        "gaps:neg_last",
        "the sign of a negated channels_last input is lost",
        (VALUE,),
        Call(layouts=("input:channels_last-negated",)),
        Call(layouts=("input:negated",)),
        klass="layout",
        region={"input_layout": "channels_last-negated"},
    ),
    Mutant(
        "gaps:nan_under_inference",
        "NaN is zero where no gradient is recorded",
        (SEES,),
        Call(special=(("input", 0, nan),), mode="no_grad"),
        Call(special=(("input", 0, nan),)),
        klass="special",
        region={"output": "NaN", "mode": "no_grad or inference_mode"},
    ),
    Mutant(
        "gaps:huge_stride2",
        "a stride of more than 31 bits ends the process",
        (STEPS,),
        Call(stride=(2**31, 1)),
        klass="extent",
        region={"stride": "2^31 or more"},
        fatal="crash",
    ),
    Mutant(
        "gaps:rank2_weight2",
        "a matrix is taken for a 1x1 kernel",
        (EDITED,),
        Call(w=(4, 4), refused=True),  # type: ignore[arg-type]
        PLAIN,
        klass="validation",
        region={"invalid": "rank of weight"},
    ),
    Mutant(
        "gaps:bias_vmapped_alone",
        "a vmap over the bias alone computes something else",
        (ASKED,),
        Call(bias=True, mode="vmap-bias"),
        Call(bias=True, mode="vmap-all"),
        klass="mode",
        region={"mode": "a vmap over the bias", "bias": "yes"},
    ),
    Mutant(
        "gaps:chan_tail4",
        "the last output channel is lost if some are left over of sixteen",
        (LARGE,),
        Call(w=(18, 4, 3, 3)),
        Call(w=(17, 4, 3, 3)),
        klass="tail",
        region={"out_channels": "17 or more, 2 to 14 modulo 16", "groups": "1"},
    ),
    Mutant(
        "gaps:threads3",
        "three threads compute something else",
        (ASKED,),
        Call(mode="threads", x=(1, 3, 5, 3), w=(4, 3, 3, 3)),  # three
        Call(mode="threads"),
        klass="mode",
        region={"threads": "neither 1 nor 4"},
    ),
    Mutant(
        "gaps:ToDevice",
        "a layer that is moved to a device loses its weight",
        (ASKED,),
        Call(mode="to-device"),
        Call(mode="initial"),
        klass="layer",
        region={"mode": "to a device"},
    ),
)
