"""The normwise bound of fast algorithms, for devices whose algorithm class is not yet declared.

A Winograd or FFT kernel mixes whole tiles, so its error is governed by the largest operands of a
tile and no componentwise bound can hold. On a device other than the CPU a float32 result that
misses the direct bound but meets this one is counted as "algorithm class not declared".
"""

from __future__ import annotations

import numpy as np

from properties.case import Case
from properties.implementation import Implementation
from properties.values import Float64
from reference import Enclosure, gamma

# max over all-ones operands of |A^T| (|G| |g| |G^T| * |B^T| |d| |B|) |A| for F(4x4, 5x5) with the
# points 0, +-1, +-2, +-1/2: the largest growth of the Winograd tiles in use; F(6x6, 3x3) has 4579.
KAPPA = 7531.0
# Roundings along one term: two per nonzero of a row of A, B and G, and the channel sum.
STEPS = 38


def may_be_fast(case: Case, implementation: Implementation) -> bool:
    """Tell whether a fast algorithm may serve the call undeclared: float32 away from the CPU."""
    return implementation.device != "cpu" and case.dtype == "float32"


def within_fast_class(
    case: Case, name: str, observed: Float64, enclosure: Enclosure, implementation: Implementation
) -> bool:
    """Tell whether |y - mid| <= gamma_k kappa sum_c max|w_c| max|x_c| holds everywhere.

    Applies to float32 away from the CPU; False elsewhere.
    """
    if not may_be_fast(case, implementation):
        return False
    operands = {
        "output": ("input", "weight", case.weight.shape[1]),
        "input": ("grad_output", "weight", case.weight.shape[0] // case.params.groups),
        "weight": ("input", "grad_output", case.output_positions),
    }
    if name not in operands or observed.size == 0:
        return False
    first, second, terms = operands[name]
    left, right = case.arrays[first], case.arrays[second]
    # The largest magnitudes over whole tensors bound those over any tile and channel.
    bound = gamma(STEPS + terms, 2.0**-24) * KAPPA * terms
    bound *= float(np.abs(left).max(initial=0.0) * np.abs(right).max(initial=0.0))
    return bool(np.all(np.abs(observed - enclosure.mid) <= bound + enclosure.rad))
