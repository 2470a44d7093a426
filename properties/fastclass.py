"""The normwise bounds of fast algorithms, for devices whose algorithm class is not yet declared.

A Winograd or FFT kernel mixes whole tiles or planes, so its error is governed by the largest
operands there and no componentwise bound can hold. On a device other than the CPU a float32 result
that misses the direct bound but meets one of these is counted as "algorithm class not declared".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.expect import enclose
from properties.implementation import Implementation
from properties.values import Float64
from reference import Enclosure
from reference.arithmetic import Algorithm
from reference.winograd import POINTS, filter_axis, gradient_axis

# The dearest tile in use, whatever the size of the kernel.
TILES = [axis(taps) for taps in range(1, len(POINTS) + 1) for axis in (filter_axis, gradient_axis)]
KAPPA = max(tile.growth for tile in TILES) ** 2
STEPS = 2 * max(tile.steps for tile in TILES)
ALGORITHMS: tuple[Algorithm, ...] = ("fast-tile", "fast-plane")


def may_be_fast(case: Case, implementation: Implementation) -> bool:
    """Tell whether a fast algorithm may serve the call undeclared: float32 away from the CPU."""
    return implementation.device != "cpu" and case.dtype == "float32"


def within_fast_class(
    case: Case, name: str, observed: Float64, enclosure: Enclosure, implementation: Implementation
) -> bool:
    """Tell whether all elements lie in the normwise bound of one of the fast algorithms.

    Applies to float32 away from the CPU, and to all but the bias' gradient; False elsewhere.
    """
    if not may_be_fast(case, implementation) or name == "bias" or observed.size == 0:
        return False
    declared = implementation.arithmetic(case.dtype)
    balls = (enclose(case, name, replace(declared, algorithm=each)) for each in ALGORITHMS)
    return any(bool(np.all(np.abs(observed - ball.mid) <= ball.rad)) for ball in balls)
