"""The list of mutants with wrong infinities, NaN, subnormal numbers or overflow."""

from __future__ import annotations

from math import inf, nan

from tests.mutants.catalogue import ENDS, SEES, Call, Mutant

SPECIAL = (
    Mutant(
        "special:nan_in_input_is_zero",
        "NaN in the input is taken for zero",
        (SEES,),
        Call(special=(("input", nan),)),
        Call(special=(("weight", nan),)),
    ),
    Mutant(
        "special:clamp_drops_nan",
        "a maximum turns NaN in the output into a number",
        (SEES,),
        Call(special=(("input", nan),)),
        Call(special=(("input", inf),)),
    ),
    Mutant(
        "special:infinity_clipped",
        "infinite outputs are clipped to the largest finite number",
        (SEES,),
        Call(special=(("input", inf),)),
        Call(special=(("input", nan),)),
    ),
    Mutant(
        "special:infinity_loses_sign",
        "-inf becomes +inf",
        (SEES,),
        Call(special=(("input", inf),)),
        Call(special=(("input", inf),), kind="ones"),
    ),
    Mutant(
        "special:infinities_cancel",
        "infinity minus infinity is infinity",
        (SEES,),
        Call(special=(("input", inf), ("input", -inf)), kind="ones"),
        Call(special=(("input", inf),)),
    ),
    Mutant(
        "special:zero_weights_skipped_in_even_channels",
        "zero weights are skipped for every second output channel",
        (SEES,),
        Call(special=(("input", nan),), kind="onehot"),
        Call(special=(("input", nan),)),
    ),
    Mutant(
        "special:nan_leaks_to_all_images",
        "a NaN in one image reaches all of them",
        (SEES,),
        Call(special=(("input", nan),)),
        Call(x=(1, 4, 7, 6), w=(4, 4, 7, 6), special=(("input", nan),)),
    ),
    Mutant(
        "special:nan_leaks_to_the_next_column",
        "a NaN reaches one column too many",
        (SEES,),
        Call(special=(("input", nan),)),
    ),
    Mutant(
        "special:nan_in_weight_gradient_is_zero",
        "NaN in the gradient of the weight is cleared",
        (SEES,),
        Call(special=(("input", nan),), gradients=("weight",)),
        Call(special=(("input", nan),), gradients=("input",)),
    ),
    Mutant(
        "special:subnormals_flushed",
        "subnormal numbers are flushed to zero in float32",
        (ENDS,),
        Call(exponent=-70),
        Call(exponent=-60),
    ),
    Mutant(
        "special:gradients_flushed",
        "subnormal gradients of the input are flushed to zero in float32",
        (ENDS,),
        Call(exponent=-70, gradients=("input",)),
        Call(exponent=-70),
    ),
    Mutant(
        "special:overflow_saturates",
        "the largest finite number is returned where a sum overflows",
        (ENDS,),
        Call(exponent=65, kind="ones"),
        Call(exponent=60, kind="ones"),
    ),
)
