"""The mutants that their named property does not kill in the gate, and why.

An entry goes when the generators get better, not the mutant: `tests/test_mutants_die.py` fails on
one that dies.
"""

from __future__ import annotations

_RARE = "the property draws no call in which all of its factors meet; in the gate {} finds it"

SURVIVORS = {
    "grad_weight_last_column_lost": _RARE.format("a step of gradient descent"),
    "grad_weight_of_dilated_rows_flipped": _RARE.format("the adjoint identity"),
    "plane_tail_left_at_bias": _RARE.format("a step of gradient descent"),
}
