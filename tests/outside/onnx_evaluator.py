r"""The operator Conv of ONNX, by the reference evaluator of ONNX itself: NumPy. Forward only.

The command that verifies it:

    pytest properties --conv2d-impl tests.outside.onnx_evaluator:conv2d \
        --conv2d-only "dtype=float32 passes=forward derivatives=first dilation=1" \
        --conv2d-only "mode!=vmap-input|vmap-weight|vmap-all|compile|compile-inductor"
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from onnx.reference import ReferenceEvaluator

from tests.outside.arguments import Geometry
from tests.outside.onnx_conv import NAMES, Session, Tensor, computed, model

ONLY = (
    "dtype=float32",
    "passes=forward",
    "derivatives=first",
    "mode!=vmap-input|vmap-weight|vmap-all|compile|compile-inductor",
    # A defect of onnx 1.23.2: a dilated kernel gets zeros between its taps, so that a NaN or an
    # infinity which no tap sees is multiplied by zero and added.
    "dilation=1",
)


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *arguments: Any) -> Tensor:
    """Take the arguments of `F.conv2d`, by position."""
    return computed(_session, x, weight, bias, *arguments)


@lru_cache(maxsize=256)
def _session(call: Geometry, operands: int) -> Session:
    evaluator: Any = ReferenceEvaluator(model(call, operands))
    return lambda arrays: np.asarray(evaluator.run(None, dict(zip(NAMES, arrays, strict=False)))[0])
