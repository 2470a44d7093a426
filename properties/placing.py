"""Strategies for calls with infinities and NaN among the operands, or at the ends of the range."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import strategies as st

from properties.case import Case, Tensor
from properties.dtypes import DTYPES, FLOATING, Exact
from properties.strategies import among, cases, grad_modes, seeds
from properties.values import Recipe

NAN, INF = float("nan"), float("inf")
# What neighbours in memory become: two infinities meet where a sum sees both.
SPECIAL = ((NAN,), (INF,), (-INF,), (INF, -INF))
EXACT = ("integers", "one-hot input", "one-hot weight", "ones weight")
ENDS = ("tiny products", "tiny input", "tiny weight", "huge", "back from huge", "zeros")
REAL = ("integers", "normal", "cancelling", "few inputs", "few weights", "one-hot weight")


@st.composite
def specials(draw: st.DrawFn) -> Case:
    """Return a strategy for calls on integers with one infinity or NaN, or two infinities.

    They lie anywhere in one operand, of a complex number in the real part or in both. Which operand
    is drawn as one of four; those that are not there give way to the input.
    """
    mode = draw(among("grad mode", grad_modes()))
    case = draw(cases(values=EXACT, dtype=FLOATING, mode=(mode,)))
    values = draw(among("special", SPECIAL))
    wanted = draw(among("operand", ("input", "weight", "bias", "grad_output")))
    place, in_one_part = draw(seeds()), draw(st.booleans())
    name = wanted if wanted in case.tensors else "input"
    factor = name in ("input", "weight")  # of addends each part is added to its own
    placed = _placed(case.arrays[name], values, place, in_one_part and factor)
    return case.replace(**{name: Tensor.of(placed, case.tensors[name].layout)})


def _placed(array: Exact, values: tuple[float, ...], place: int, in_one_part: bool) -> Exact:
    """Return the array with these values at consecutive places, the first one modulo its size."""
    changed = array.copy()
    flat = changed.reshape(-1)
    for i, value in enumerate(values[: flat.size]):
        index = (place + i) % flat.size
        if np.iscomplexobj(flat):
            flat[index] = complex(value, flat[index].imag if in_one_part else value)
        else:
            flat[index] = value
    return changed


@st.composite
def at_the_ends(draw: st.DrawFn) -> Case:
    """Return a strategy for calls whose values lie at an end of the dtype's range."""
    end, values = draw(among("end and values", tuple(product(ENDS, REAL))))
    case = draw(cases(values=(values,), dtype=FLOATING))
    if end == "zeros":
        return case.replace(**{name: _with_zeros(case, name) for name in case.tensors})
    scales = _exponents(case.dtype, end)
    return case.replace(
        **{name: _scaled(tensor, scales[name]) for name, tensor in case.tensors.items()}
    )


def _exponents(dtype: str, end: str) -> dict[str, int]:
    """Return the power of two that each operand is scaled by."""
    format_ = DTYPES[dtype].format
    assert format_ is not None
    least = format_.min_exponent - format_.precision // 2  # in the middle of the subnormals
    most = format_.max_exponent
    scales = {
        "tiny products": (least // 2, least - least // 2, least),
        "tiny input": (least, 0, least),
        "tiny weight": (0, least, least),
        "huge": (most // 2, most // 2 - 3, most - 3),
        "back from huge": (most - 4, 0, most - 4),
    }
    x, w, b = scales[end]
    return {"input": x, "weight": w, "bias": b, "grad_output": w if end != "tiny weight" else 0}


def _scaled(tensor: Tensor, exponent: int) -> Tensor:
    assert isinstance(tensor.values, Recipe)
    return replace(tensor, values=replace(tensor.values, exponent=exponent))


def _with_zeros(case: Case, name: str) -> Tensor:
    """Return the tensor with zeros of both signs in place of about half of its elements."""
    values = case.arrays[name].copy()
    zeros = Recipe("signs", 7).expand(values.shape) * 0.0
    keep = Recipe("signs", 8).expand(values.shape) > 0
    return Tensor.of(np.where(keep, values, zeros), case.tensors[name].layout)
