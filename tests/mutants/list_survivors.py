"""The mutants that their named property does not kill in the gate, and why.

An entry goes when the generators get better, not the mutant: `tests/test_mutants_die.py` fails on
one that dies.
"""

from __future__ import annotations

_RARE = "the property draws no call in which all of its factors meet"
_FOUND = f"{_RARE}; every pair of levels finds it"

SURVIVORS = {
    "grad_weight_of_dilated_rows_flipped": f"{_RARE}, nor has the covering array one",
    "long_bias_cut": f"{_RARE}; the one that makes every edit finds it",
    "nhwc_channel_step": _FOUND,
    "one_channel_weight_read_by_taps": f"{_RARE}; linearity in the input finds it",
    "plane_tail_left_at_bias": _FOUND,
}
