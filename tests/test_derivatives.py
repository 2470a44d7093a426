"""What a case owes in derivatives of gradients, against finite differences of the definition."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import reference
from properties.case import Case, Tensor
from properties.drafts import along
from properties.expect import enclose
from properties.rows import STRICT
from properties.values import Recipe
from reference import Conv2dParams

PARAMS = (
    Conv2dParams(stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
    Conv2dParams(stride=(1, 3), padding=(0, 1), groups=2),
    Conv2dParams(padding="same", padding_mode="circular", dilation=(2, 1)),
)
NAMES = ("input", "weight", "grad_output")


def second(dtype: str, params: Conv2dParams, has_bias: bool) -> Case:
    """Return a small call on integers, asked for second-order gradients."""
    x, w = Tensor((1, 2, 3, 3), Recipe("integers", 1)), Recipe("integers", 2)
    weight = Tensor((2, 2 // params.groups, 2, 2), w)
    bias = Tensor((2,), Recipe("integers", 3)) if has_bias else None
    case = Case(x, weight, bias, params, dtype)
    gradients = ("input", "weight", "bias")[: 2 + has_bias]
    upstream = Tensor(case.output_shape, Recipe("integers", 4))
    return along(case.replace(gradients=gradients, grad_output=upstream), "second")


def total(case: Case, operands: dict[str, Any]) -> float:
    """Return S = Re sum(conj(direction) * gradient), by loops alone.

    A gradient's element is that of L = Re sum(conj(grad_output) * output) along a unit of the
    operand: the inner product of grad_output with what the unit does to the output.
    """

    def output(x: Any, w: Any) -> Any:
        return reference.conv2d_loops(x, w, **case.arguments)

    x, w, g = (operands[name] for name in NAMES)
    found = 0.0
    for unit, index in units(x):
        gradient = np.vdot(output(unit, w), g)
        found += (np.conj(case.arrays["direction_input"][index]) * gradient).real
    for unit, index in units(w):
        gradient = np.vdot(output(x, unit), g)
        found += (np.conj(case.arrays["direction_weight"][index]) * gradient).real
    if case.bias is not None:
        found += np.vdot(case.arrays["direction_bias"], g.sum((0, 2, 3))).real
    return float(found)


def units(like: Any) -> Any:
    """Yield the arrays of zeros with a single one, and its place."""
    for index in product(*map(range, like.shape)):
        unit = np.zeros_like(like)
        unit[index] = 1
        yield unit, index


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("params", PARAMS, ids=lambda p: f"groups {p.groups}, {p.padding_mode}")
def test_second_order_gradients_are_differences_of_s(
    dtype: str, has_bias: bool, params: Conv2dParams
) -> None:
    """What is owed is dS/dRe(z) + i dS/dIm(z), element by element; differences are exact here.

    S is real-linear in each operand, and integers this small are added without rounding.
    """
    case = second(dtype, params, has_bias)
    operands = {name: case.arrays[name] for name in NAMES}
    base = total(case, operands)
    steps = (1, 1j) if dtype == "complex128" else (1,)
    for name in NAMES:
        owed = enclose(case, f"second_{name}", STRICT[dtype]).mid
        some = list(units(operands[name]))[:: operands[name].size // 3]
        for unit, index in some:
            slope = sum(
                step * (total(case, operands | {name: operands[name] + step * unit}) - base)
                for step in steps
            )
            assert owed[index] == slope, (name, index)
