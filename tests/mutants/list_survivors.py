"""The mutants that their named property does not kill in the gate, and why.

An entry goes when the generators get better, not the mutant: `tests/test_mutants_die.py` fails on
one that dies.
"""

from __future__ import annotations

_RARE = "the property draws no call in which all of its factors meet"
_FOUND = f"{_RARE}; every pair of levels finds it"
_LONE = f"{_RARE}, nor has the covering array one"
_NO_LEVEL = "no property draws such calls yet"

SURVIVORS = {
    "bias_vmapped_alone": f"{_NO_LEVEL}: a vmap over the bias alone",
    "depthwise_grad_weight_misses_last_row": _LONE,
    "grad_input_of_sixteen_channels_coarse": _LONE,
    "grad_weight_of_dilated_rows_flipped": _LONE,
    "long_bias_cut": f"{_RARE}; the one that makes every edit finds it",
    "neg_last": f"{_NO_LEVEL}: channels_last inputs whose negation is pending",
    "one_channel_weight_read_by_taps": _FOUND,
    "plane_tail_left_at_bias": _FOUND,
    "second_group_of_pointwise_lost": _FOUND,
    "threads3": f"{_NO_LEVEL}: a number of threads but one and four",
    "winograd_of_whole_blocks_in_tf32": _LONE,
    "zeros_among_many_channels": _LONE,
}
