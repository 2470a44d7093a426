"""The list of layers with wrong padding modes or parameters."""

from __future__ import annotations

from tests.mutants.catalogue import (
    BIAS,
    MODES,
    Call,
    Mutant,
)

MODULES = (
    Mutant(
        "modules:ReflectRepeatsEdge",
        "reflection repeats the edge",
        (MODES,),
        Call(padding=(1, 1), padding_mode="reflect"),
        Call(padding=(1, 1), padding_mode="circular"),
        klass="geometry",
        region={"padding_mode": "reflect"},
    ),
    Mutant(
        "modules:CircularReplicates",
        "circular mode repeats the edge",
        (MODES,),
        Call(padding=(1, 1), padding_mode="circular"),
        Call(padding=(1, 2), padding_mode="reflect"),
        klass="geometry",
        region={"padding_mode": "circular"},
    ),
    Mutant(
        "modules:CircularOneOff",
        "circular mode starts one element late at the end",
        (MODES,),
        Call(padding=(1, 1), padding_mode="circular"),
        Call(padding=(1, 2), padding_mode="replicate"),
        klass="geometry",
        region={"padding_mode": "circular"},
    ),
    Mutant(
        "modules:ReplicateTakesZerosAtTheCorner",
        "replicated corners are zero",
        (MODES,),
        Call(padding=(1, 1), padding_mode="replicate"),
        Call(padding=(0, 1), padding_mode="replicate"),
        klass="geometry",
        region={"padding_mode": "replicate", "padding": "1 or more on both axes"},
    ),
    Mutant(
        "modules:ModesSwapAxes",
        "rows are padded by padding_w and columns by padding_h",
        (MODES,),
        Call(padding=(0, 1), padding_mode="replicate"),
        Call(padding=(1, 1), padding_mode="replicate"),
        klass="geometry",
        source="pytorch#37844",
        region={"padding_mode": "not zeros", "padding": "unequal"},
    ),
    Mutant(
        "modules:ModesPadWithZeros",
        "every mode pads with zeros",
        (MODES,),
        Call(padding=(1, 1), padding_mode="reflect"),
        Call(padding=(0, 0), padding_mode="reflect"),
        klass="geometry",
        region={"padding_mode": "not zeros"},
    ),
    Mutant(
        "modules:ModesIgnoreBatch",
        "every image gets the border of the first",
        (MODES,),
        Call(padding=(1, 1), padding_mode="circular"),
        Call(x=(1, 4, 7, 6), padding=(1, 1), padding_mode="circular"),
        klass="bookkeeping",
        region={"padding_mode": "not zeros", "batch": "2 or more"},
    ),
    Mutant(
        "modules:BiasOfConstruction",
        "the bias of construction is added",
        (BIAS,),
        Call(bias=True),
        klass="bookkeeping",
        region={"bias": "yes"},
    ),
)
