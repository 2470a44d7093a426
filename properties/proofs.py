"""The explicit calls that prove known defects, as a case.json has them."""

from __future__ import annotations

import math
from typing import Any


def ones(*shape: int, layout: str = "contiguous") -> dict[str, Any]:
    """Return a tensor of ones as a case.json has it."""
    ones = {"kind": "ones", "seed": 0, "exponent": 0}
    return {"shape": list(shape), "layout": layout, "values": ones}


def integers(*shape: int, layout: str = "contiguous") -> dict[str, Any]:
    """Return a tensor of small integers, one unlike the next, as a case.json has it."""
    return {**ones(*shape, layout=layout), "values": {"kind": "integers", "seed": 0, "exponent": 0}}


def poisoned(*shape: int, place: int, layout: str = "contiguous") -> dict[str, Any]:
    """Return a tensor of ones with a NaN at a flat index."""
    values = [(1.0).hex()] * math.prod(shape)
    values[place] = math.nan.hex()
    return {"shape": list(shape), "layout": layout, "values": values}


def build(kernels: str, **more: str) -> dict[str, str]:
    """Return the facts of a build that asks oneDNN, as this fact tells."""
    return {"torch": "2.13", "device_name": "cpu", kernels: "True", **more}


def constant(
    exponent: int, *shape: int, layout: str = "contiguous", negative: bool = False
) -> dict[str, Any]:
    """Return a tensor full of one power of two, or of its negative."""
    value = (-(2.0**exponent) if negative else 2.0**exponent).hex()
    return {"shape": list(shape), "layout": layout, "values": [value] * math.prod(shape)}


def call(
    dtype: str,
    image: dict[str, Any],
    weight: dict[str, Any],
    bias: dict[str, Any] | None = None,
    *,
    gradients: tuple[str, ...] = (),
    grad_output: dict[str, Any] | None = None,
    mode: str = "eager",
    derivative: str = "first",
    **params: Any,
) -> dict[str, Any]:
    """Return a call as a case.json has it; its directions are the operands again."""
    plain = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1]}
    operands = {"input": image, "weight": weight, "bias": bias}
    along = operands if derivative in ("forward-mode", "second") else {}
    return {
        **operands,
        **{f"direction_{name}": tensor for name, tensor in along.items()},
        "grad_output": grad_output,
        "params": {**plain, "groups": 1, "padding_mode": "zeros", **params},
        "dtype": dtype,
        "gradients": list(gradients),
        "mode": mode,
        "derivative": derivative,
    }
