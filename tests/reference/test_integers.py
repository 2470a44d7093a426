"""Integer arithmetic: the exact sum modulo a power of two, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import reference
from reference import INT8, INT16, INT32, INT64, UINT8, Enclosure, Modular
from tests.reference.problems import Index, Problem, few, problems, refused

TYPES = [INT8, INT16, INT32, INT64, UINT8]


def _integers(shape: Index, each: Modular, seed: int) -> Any:
    """Return integers of the whole range of the type."""
    info = np.iinfo(each.name)
    random = np.random.default_rng((seed, len(shape)))
    return random.integers(info.min, info.max, shape, each.name, endpoint=True)


def _sum(terms: list[int], each: Modular) -> int:
    """Return a sum of Python's integers modulo 2^bits."""
    range_, half = 1 << each.bits, 1 << (each.bits - 1)
    residue = sum(terms) % range_
    return residue - range_ if each.signed and residue >= half else residue


@pytest.mark.parametrize("each", TYPES, ids=lambda each: each.name)
def test_the_midpoint_is_the_exact_sum_modulo_the_range(each: Modular) -> None:
    """Outputs and gradients equal sums of Python's integers modulo 2^k, with radius 0."""

    @few
    @given(problems(max_output=2), st.integers(0, 2**16))
    def check(p: Problem, seed: int) -> None:
        x, w, b, gy = (
            _integers(shape, each, seed)
            for shape in (p.input_shape, p.weight_shape, p.weight_shape[:1], p.output_shape)
        )
        a, shapes = {**p.arguments, "arithmetic": each}, (p.input_shape, p.weight_shape)
        found = [
            reference.enclose_conv2d(x, w, b, **a),
            reference.enclose_conv2d_input(shapes[0], w, gy, **a),
            reference.enclose_conv2d_weight(x, shapes[1], gy, **a),
            reference.enclose_conv2d_bias(gy, arithmetic=each),
        ]
        sums: list[dict[Index, list[int]]] = [{}, {}, {}, {}]
        for i, k, o in p.triples():
            sums[0].setdefault(o, []).append(int(x[i]) * int(w[k]))
            sums[1].setdefault(i, []).append(int(w[k]) * int(gy[o]))
            sums[2].setdefault(k, []).append(int(x[i]) * int(gy[o]))
        for o in np.ndindex(p.output_shape):
            sums[0].setdefault(o, []).append(int(b[o[-3]]))
            sums[3].setdefault(o[-3:-2], []).append(int(gy[o]))
        for enclosure, terms in zip(found, sums, strict=True):
            assert enclosure.mid.dtype == np.int64
            assert not enclosure.rad.any()
            expected = [_sum(terms.get(k, []), each) for k in np.ndindex(enclosure.mid.shape)]
            assert enclosure.mid.ravel().tolist() == expected

    check()


@pytest.mark.parametrize("each", TYPES, ids=lambda each: each.name)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_torch_wraps_as_declared(each: Modular) -> None:
    """F.conv2d on integers of the whole range equals the midpoint, bit for bit."""
    x, w, b = (_integers(shape, each, 1) for shape in ((2, 4, 5, 6), (2, 2, 3, 2), (2,)))
    enclosure = reference.enclose_conv2d(x, w, b, 2, 1, groups=2, arithmetic=each)
    tensors = [torch.from_numpy(array) for array in (x, w, b)]
    conv2d: Any = torch.nn.functional.conv2d
    y = conv2d(*tensors, 2, 1, groups=2)
    assert enclosure.contains(y).all()
    assert not enclosure.contains(y + 1).any()


def test_contains_is_exact_at_both_ends_of_int64() -> None:
    """Values half a range apart, and neighbours beyond 2^53, differ; floats are refused."""
    ends = np.array([-(2**63), 2**62 + 1, 0])
    enclosure = Enclosure(ends, np.zeros(3))
    assert enclosure.contains(ends).all()
    assert enclosure.contains(np.array([0, 2**62, -(2**63)])).tolist() == [False] * 3
    with refused("`y` has dtype float64 instead of int64"):
        enclosure.contains(np.zeros(3))


def test_floats_have_no_modular_arithmetic() -> None:
    """Float operands and an integer arithmetic do not go together, nor do more bits than int64."""
    with refused("int8 is no arithmetic of operands of type float64"):
        reference.enclose_conv2d([[[1.0]]], [[[[1.0]]]], arithmetic=INT8)
    with refused("`bits`=64 does not fit int64"):
        Modular("uint64", 64, signed=False)
