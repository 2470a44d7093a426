"""The mutants that their named property does not kill in the gate, and why.

An entry goes when the generators get better, not the mutant: `tests/test_mutants_die.py` fails on
one that dies.
"""

from __future__ import annotations

_RARE = "the property draws no call in which all of its factors meet"
_FOUND = f"{_RARE}; every pair of levels finds it"
_EDIT = "the property draws no call with this edit that the mutant then answers"

SURVIVORS = {
    "EvaluatesWithoutBias": _FOUND,
    "dirty_border": f"{_RARE}: two paddings that make one padded size",
    "engine_of_full_blocks_varies": _FOUND,
    "grad_input_between_strides_not_cleared": _FOUND,
    "grad_input_narrow_rows_cut": _FOUND,
    "grad_input_of_first_channel_only": _FOUND,
    "grad_weight_last_column_lost": _FOUND,
    "grad_weight_of_dilated_rows_flipped": f"{_RARE}, nor has the covering array one",
    "grad_weight_of_few_channels_rotated": _FOUND,
    "indivisible_outputs_cut": _EDIT,
    "long_bias_cut": _EDIT,
    "many_doubles_in_single": _FOUND,
    "negative_padding_crops": _EDIT,
    "offset_forgotten": "no layout of the suite is channels_last and begins inside its storage",
    "one_channel_weight_read_by_taps": _FOUND,
    "packed_by_two_samples": "no two weights that are drawn differ in the middle alone",
    "padding_looked_up": _EDIT,
    "plane_tail_left_at_bias": _FOUND,
    "tile_spreads_nan": f"{_RARE}, and every pair of levels has finite numbers alone",
    "vmap_without_bias_rotates": _FOUND,
    "winograd_tile_repeats_the_border": _FOUND,
}
