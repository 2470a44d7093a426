"""conv2d as an algebraic object: linear in each operand, and each image on its own."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from properties.case import Case, Tensor
from properties.dtypes import FLOATING
from properties.relations import add, exactly, split, take
from properties.replay import recheck
from properties.strategies import cases
from properties.subject import Subject

FORWARD = ("forward",)


@given(case=cases(bias=("no",), passes=FORWARD))
def test_linear_in_input(conv2d: Subject, case: Case) -> None:
    """conv2d(x' + x'', w) = conv2d(x', w) + conv2d(x'', w), with x = x' + x'' exactly."""
    parts = [Tensor.of(part, case.input.layout) for part in split(case.arrays["input"])]
    first, second = (conv2d.measure(case.replace(input=part)) for part in parts)
    relation = "conv2d is not linear in its input"
    conv2d.require_equal(case, relation, conv2d.measure(case), add(first, second))


@given(case=cases(bias=("no",), passes=FORWARD))
def test_linear_in_weight(conv2d: Subject, case: Case) -> None:
    """conv2d(x, w' + w'') = conv2d(x, w') + conv2d(x, w''), with w = w' + w'' exactly."""
    parts = [Tensor.of(part, case.weight.layout) for part in split(case.arrays["weight"])]
    first, second = (conv2d.measure(case.replace(weight=part)) for part in parts)
    relation = "conv2d is not linear in its weight"
    conv2d.require_equal(case, relation, conv2d.measure(case), add(first, second))


# float16 has too few exponents: where a result is subnormal or overflows, scaling rounds.
SCALABLE = tuple(name for name in FLOATING if name != "float16")


@given(case=cases(passes=FORWARD, dtype=SCALABLE), power=st.sampled_from((1, -1, 3, -3, 8, -8)))
def test_scaling_by_a_power_of_two_is_exact(conv2d: Subject, case: Case, power: int) -> None:
    """conv2d(2^k x, w, 2^k b) = 2^k conv2d(x, w, b), bit for bit on any data.

    Scaling by a power of two commutes with every rounding while nothing under- or overflows.
    """
    recheck(conv2d, case, {"kind": "scale", "power": power})


@given(case=cases(bias=("yes",), passes=FORWARD, derived={"bias": "no"}))
def test_bias_adds(conv2d: Subject, case: Case) -> None:
    """conv2d(x, w, b) = conv2d(x, w) + b[:, None, None]."""
    offset = np.broadcast_to(case.arrays["bias"][:, None, None], case.output_shape)
    bare = conv2d.measure(case.replace(bias=None))
    relation = "the bias is not added once to every output"
    conv2d.require_equal(case, relation, conv2d.measure(case), add(bare, exactly(offset)))


def image(case: Case, index: int, keep_batch: bool) -> Case:
    """Return the call on one image of the batch."""
    picked = case.arrays["input"][index]
    layout = case.input.layout if keep_batch else "contiguous"
    return case.replace(input=Tensor.of(picked[None] if keep_batch else picked, layout))


@given(
    case=cases(batch=("2", "4", "5", "15", "16", "17"), passes=FORWARD, derived={"batch": "1"}),
    place=st.sampled_from((0, -1, 1, 2, 7)),
)
def test_batch_rows_are_independent(conv2d: Subject, case: Case, place: int) -> None:
    """conv2d(x, w)[n] = conv2d(x[n : n + 1], w)[0]: an image does not depend on its company."""
    n = place % case.input.shape[0]
    whole, alone = conv2d.measure(case), conv2d.measure(image(case, n, keep_batch=True))
    relation = f"image {n} of the batch differs from the same image alone"
    conv2d.require_equal(case, relation, take(whole, slice(n, n + 1)), alone)


@given(case=cases(batch=("1", "2"), passes=FORWARD, derived={"batch": "unbatched"}))
def test_unbatched_is_a_batch_of_one(conv2d: Subject, case: Case) -> None:
    """conv2d of (C, H, W) = conv2d of (1, C, H, W) without its first axis."""
    whole, alone = conv2d.measure(case), conv2d.measure(image(case, 0, keep_batch=False))
    relation = "an unbatched image differs from the same image in a batch"
    conv2d.require_equal(case, relation, take(whole, 0), alone)
