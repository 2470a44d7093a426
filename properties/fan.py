"""What `torch.nn.Conv2d` documents of a layer as it is built: the bound of its parameters.

https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html: weight and bias are drawn from
U(-sqrt(k), sqrt(k)) with k = groups / (in_channels * prod(kernel_size)).
"""

from __future__ import annotations

import math
from typing import Any

from properties.case import Case
from reference import BINARY64, gamma

ROUNDINGS = 12  # of the limit in float64: gain, fan, quotient, product
STORED = 4  # of a draw in the dtype: both limits, their difference, the draw itself


def bound(case: Case, u: float) -> float:
    """Return what no element exceeds: sqrt(k), and the roundings on the way to an element."""
    k = 1.0 / math.prod(case.weight.shape[1:])
    return float(math.sqrt(k) * (1 + gamma(ROUNDINGS, BINARY64.u)) * (1 + gamma(STORED, u)))


def attributes(case: Case) -> dict[str, Any]:
    """Return the attributes of the layer; pairs are tuples however they were given."""
    plain = {
        "in_channels": case.input.shape[-3],
        "out_channels": case.weight.shape[0],
        "kernel_size": case.weight.shape[2:],
        **case.arguments,
    }
    return {n: list(v) if isinstance(v, tuple) else v for n, v in plain.items()}
