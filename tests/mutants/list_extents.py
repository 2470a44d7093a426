"""The list of mutants that are wrong where an extent is large."""

from __future__ import annotations

from tests.mutants.catalogue import LARGE, Call, Mutant

EXTENTS = (
    Mutant(
        "extents:flat_index_wraps",
        "the flat index of an output keeps 17 bits",
        (LARGE,),
        Call(x=(1, 1, 257, 512), w=(1, 1, 1, 1)),
        Call(x=(1, 1, 256, 512), w=(1, 1, 1, 1)),
        klass="extent",
        source="mlx#3248 (2^31 there)",
        region={"output": "more than 2^17 elements"},
    ),
    Mutant(
        "extents:rows_past_4096_doubled",
        "rows from the 4097th on are added twice",
        (LARGE,),
        Call(x=(1, 1, 4097, 2), w=(1, 1, 1, 1)),
        Call(x=(1, 1, 4096, 2), w=(1, 1, 1, 1)),
        klass="extent",
        region={"output_height": "more than 4096"},
    ),
    Mutant(
        "extents:last_tile_of_a_long_row",
        "the last tile of a row of more than 2^16 columns is zero",
        (LARGE,),
        Call(x=(1, 1, 1, 2**16 + 1), w=(1, 1, 1, 1)),
        Call(x=(1, 1, 1, 2**16), w=(1, 1, 1, 1)),
        klass="extent",
        region={"output_width": "more than 2^16"},
    ),
    Mutant(
        "extents:channel_index_of_nine_bits",
        "output channels from the 513th on repeat the first ones",
        (LARGE,),
        Call(x=(1, 1, 2, 2), w=(600, 1, 1, 1)),
        Call(x=(1, 1, 2, 2), w=(512, 1, 1, 1)),
        klass="extent",
        region={"out_channels": "more than 512"},
    ),
)
