"""The list of mutants with wrong handling of memory, state or padding modes."""

from __future__ import annotations

from tests.mutants.catalogue import (
    BIAS,
    INTEGERS,
    LINEAR_INPUT,
    LINEAR_WEIGHT,
    MODES,
    OWNS,
    SAME_BITS,
    SEQUENCES,
    TRAINING,
    UNCHANGED,
    VALUE,
    Call,
    Mutant,
)

MEMORY = (
    Mutant(
        "memory:relu_in_place",
        "negative inputs are cleared in place",
        (UNCHANGED,),
        Call(),
        Call(kind="ones"),
    ),
    Mutant(
        "memory:weight_left_flipped",
        "the weight is left flipped",
        (UNCHANGED,),
        Call(),
        Call(w=(4, 4, 1, 1)),
    ),
    Mutant(
        "memory:bias_left_scaled",
        "the bias is doubled in place for a channels_last input",
        (UNCHANGED,),
        Call(bias=True, layouts=("input",)),
        Call(bias=True),
    ),
    Mutant(
        "memory:output_buffer_reused",
        "outputs of one shape share a buffer",
        (OWNS,),
        Call(calls=2),
        Call(x=(1, 4, 7, 6)),
    ),
    Mutant(
        "memory:outputs_in_one_arena",
        "outputs are slices of one buffer",
        (OWNS,),
        Call(calls=2),
        Call(gradients=("input",), calls=2),
    ),
    Mutant(
        "memory:identity_returns_its_input",
        "a depthwise 1x1 kernel of ones returns the input itself",
        (OWNS,),
        Call(w=(4, 1, 1, 1), groups=4, kind="ones"),
        Call(w=(4, 1, 1, 1), groups=4),
    ),
    Mutant(
        "memory:pointwise_result_in_the_input",
        "a 1x1 kernel of one channel writes over the input",
        (UNCHANGED, OWNS),
        Call(x=(2, 1, 5, 5), w=(1, 1, 1, 1)),
        Call(x=(2, 1, 5, 5), w=(2, 1, 1, 1)),
    ),
    Mutant(
        "memory:last_tile_unwritten",
        "columns after the last whole tile of four are unwritten",
        (VALUE, INTEGERS),
        Call(x=(2, 4, 7, 7)),
    ),
    Mutant(
        "memory:padding_rows_unwritten",
        "rows whose windows see padding alone are unwritten",
        (INTEGERS,),
        Call(padding=(3, 0)),
        Call(padding=(2, 0)),
    ),
    Mutant(
        "memory:input_strides_ignored",
        "the input is read as if contiguous",
        (VALUE, INTEGERS),
        Call(layouts=("input",)),
        Call(layouts=("weight",)),
    ),
    Mutant(
        "memory:weight_strides_ignored",
        "the weight is read as if contiguous",
        (VALUE, INTEGERS),
        Call(layouts=("weight",)),
        Call(layouts=("input",)),
    ),
    Mutant(
        "memory:channels_last_misses_last_channel",
        "a channels_last input loses its last channel",
        (VALUE, INTEGERS),
        Call(layouts=("input",)),
    ),
    Mutant(
        "memory:mixed_layouts_transposed",
        "rows and columns mix when only the weight is channels_last",
        (INTEGERS,),
        Call(layouts=("weight",)),
        Call(layouts=("input", "weight")),
    ),
)

STATE = (
    Mutant(
        "state:weights_cached_by_shape",
        "the first weights of a shape are used for all of them",
        (LINEAR_WEIGHT, SEQUENCES),
        Call(calls=2),
        Call(w=(3, 4, 3, 3)),
    ),
    Mutant(
        "state:weights_cached_by_address",
        "weights are packed once per address",
        (TRAINING, SEQUENCES),
        Call(calls=2),
        Call(w=(3, 4, 2, 3)),
    ),
    Mutant(
        "state:results_cached_by_shape",
        "the first answer is given to every call of its form",
        (LINEAR_INPUT, LINEAR_WEIGHT),
        Call(calls=2),
        Call(w=(3, 4, 3, 3)),
    ),
    Mutant(
        "state:every_second_call_reversed",
        "every second call sums in another order",
        (SAME_BITS,),
        Call(kind="normal", calls=2, repeat=True),
        Call(calls=2),
    ),
    Mutant(
        "state:random_summation_order",
        "chance decides the order of summation",
        (SAME_BITS,),
        Call(x=(2, 4, 16, 16), w=(4, 4, 7, 7), kind="normal", calls=4, repeat=True),
        Call(calls=2),
    ),
    Mutant(
        "state:careless_after_warm_up",
        "operands are rounded from the fourth call on",
        (VALUE,),
        Call(kind="normal", calls=4),
    ),
)

MODULES = (
    Mutant(
        "modules:ReflectRepeatsEdge",
        "reflection repeats the edge",
        (MODES,),
        Call(padding=(1, 1), mode="reflect"),
        Call(padding=(1, 1), mode="circular"),
    ),
    Mutant(
        "modules:CircularReplicates",
        "circular mode repeats the edge",
        (MODES,),
        Call(padding=(1, 1), mode="circular"),
        Call(padding=(1, 2), mode="reflect"),
    ),
    Mutant(
        "modules:CircularOneOff",
        "circular mode starts one element late at the end",
        (MODES,),
        Call(padding=(1, 1), mode="circular"),
        Call(padding=(1, 2), mode="replicate"),
    ),
    Mutant(
        "modules:ReplicateTakesZerosAtTheCorner",
        "replicated corners are zero",
        (MODES,),
        Call(padding=(1, 1), mode="replicate"),
        Call(padding=(0, 1), mode="replicate"),
    ),
    Mutant(
        "modules:ModesSwapAxes",
        "rows are padded by padding_w and columns by padding_h",
        (MODES,),
        Call(padding=(0, 1), mode="replicate"),
        Call(padding=(1, 1), mode="replicate"),
    ),
    Mutant(
        "modules:ModesPadWithZeros",
        "every mode pads with zeros",
        (MODES,),
        Call(padding=(1, 1), mode="reflect"),
        Call(padding=(0, 0), mode="reflect"),
    ),
    Mutant(
        "modules:ModesIgnoreBatch",
        "every image gets the border of the first",
        (MODES,),
        Call(padding=(1, 1), mode="circular"),
        Call(x=(1, 4, 7, 6), padding=(1, 1), mode="circular"),
    ),
    Mutant(
        "modules:BiasOfConstruction",
        "the bias of construction is added",
        (BIAS,),
        Call(bias=True),
    ),
)
