"""Every form of the oracle computes the same function."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import reference
from reference import FLOAT64, columns
from tests.reference.problems import Problem, few, many, problems


def _outputs(problem: Problem) -> list[tuple[Any, Any]]:
    p, a = problem, problem.arguments
    x, w = p.input_shape, p.weight_shape
    return [
        (reference.conv2d(p.x, p.w, p.b, **a), reference.conv2d_loops(p.x, p.w, p.b, **a)),
        (
            reference.conv2d_input(x, p.w, p.gy, **a),
            reference.conv2d_input_loops(x, p.w, p.gy, **a),
        ),
        (
            reference.conv2d_weight(p.x, w, p.gy, **a),
            reference.conv2d_weight_loops(p.x, w, p.gy, **a),
        ),
        (reference.conv2d_bias(p.gy), reference.conv2d_bias_loops(p.gy)),
    ]


@many
@given(problems(values=("integers",)))
def test_forms_agree_bitwise_on_integers(problem: Problem) -> None:
    """On integer data conv2d and every gradient equal their loops bit for bit."""
    for fast, loops in _outputs(problem):
        np.testing.assert_array_equal(fast, loops, strict=True)


@few
@given(problems())
def test_forms_agree_within_the_enclosure(problem: Problem) -> None:
    """On real data the loops lie in the float64 enclosure of the operation they define."""
    p, a = problem, problem.arguments
    x, w, gy = p.input_shape, p.weight_shape, p.gy
    enclosures = [
        reference.enclose_conv2d(p.x, p.w, p.b, **a, arithmetic=FLOAT64),
        reference.enclose_conv2d_input(x, p.w, gy, **a, arithmetic=FLOAT64),
        reference.enclose_conv2d_weight(p.x, w, gy, **a, arithmetic=FLOAT64),
        reference.enclose_conv2d_bias(gy, arithmetic=FLOAT64),
    ]
    for (fast, loops), enclosure in zip(_outputs(problem), enclosures, strict=True):
        assert enclosure.contains(loops).all()
        assert enclosure.contains(fast).all()


@few
@given(problems(values=("integers",)))
def test_forms_follow_the_list_of_products(problem: Problem) -> None:
    """The loops equal sums over an independent list of (input, weight, output) indices."""
    p = problem
    y, gx, gw = np.zeros(p.output_shape), np.zeros(p.input_shape), np.zeros(p.weight_shape)
    y += p.b[:, None, None]
    for i, k, o in p.triples():
        y[o] += p.x[i] * p.w[k]
        gx[i] += p.w[k] * p.gy[o]
        gw[k] += p.x[i] * p.gy[o]
    for (_, loops), expected in zip(_outputs(p), (y, gx, gw), strict=False):
        np.testing.assert_array_equal(loops, expected)


@pytest.mark.parametrize("columns_per_band", [1, 3, 7, 40])
def test_bands_do_not_change_the_result(
    columns_per_band: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bands of any size, of part of an image or of several, give the same integers."""
    whole = Problem((5, 4, 6, 5), (6, 2, 3, 2), {"groups": 2, "padding": 1}, 7, "integers")
    expected = [fast for fast, _ in _outputs(whole)]
    monkeypatch.setattr(columns, "MIN_POSITIONS", 1)
    monkeypatch.setattr(columns, "CACHE_BYTES", 8 * 4 * 6 * columns_per_band)
    for (fast, loops), before in zip(_outputs(whole), expected, strict=True):
        np.testing.assert_array_equal(fast, before)
        np.testing.assert_array_equal(fast, loops)


@few
@given(problems(values=("integers",)))
def test_flipped_is_the_full_index_sum(problem: Problem) -> None:
    """Element m of x and n of the kernel meet in element m + n of the true convolution."""
    p = problem
    if p.params.padding_mode != "zeros" or p.params.padding == "same":
        p = Problem(p.input_shape, p.weight_shape, {"groups": p.params.groups}, p.seed, p.values)
    kernel = p.weight_shape[2:]
    arguments: dict[str, Any] = {
        "groups": p.params.groups,
        "padding": (kernel[0] - 1, kernel[1] - 1),
    }
    y = reference.conv2d_flipped(p.x, p.w, p.b, **arguments)
    images = p.x.reshape(-1, *p.input_shape[-3:])
    full = np.zeros((len(images), *y.shape[-3:])) + p.b[:, None, None]
    per_group, channels = p.weight_shape[0] // p.params.groups, p.weight_shape[1]
    for (o, c, u, v), weight in np.ndenumerate(p.w):
        plane = images[:, o // per_group * channels + c]
        full[:, o, u : u + plane.shape[1], v : v + plane.shape[2]] += weight * plane
    np.testing.assert_array_equal(y, full.reshape(y.shape))


def test_flipped_equals_scipy() -> None:
    """On one plane, conv2d_flipped is scipy.signal.convolve2d in mode "valid"."""
    signal = pytest.importorskip("scipy.signal")
    random = np.random.default_rng(3)
    x, k = random.integers(-9, 9, (6, 7)), random.integers(-9, 9, (3, 2))
    y = reference.conv2d_flipped(x[None], k[None, None])
    np.testing.assert_array_equal(y[0], signal.convolve2d(x, k, "valid"))


def test_flipped_multiplies_polynomials() -> None:
    """With full padding a 1-row convolution gives the coefficients of a product of polynomials."""
    a, b = [3, -1, 2, 5], [2, 7, -4]
    y = reference.conv2d_flipped([[a]], [[[b]]], padding=(0, len(b) - 1))
    assert y.ravel().tolist() == np.polymul(a, b).tolist()


@few
@given(problems(values=("integers",)))
def test_flipped_uses_every_parameter(problem: Problem) -> None:
    """conv2d_flipped of a kernel is the definition of the kernel read backwards."""
    p = problem
    backwards = [[row[::-1] for row in plane[::-1]] for plane in p.w.reshape(-1, *p.w.shape[2:])]
    kernel = np.reshape(backwards, p.weight_shape)
    flipped = reference.conv2d_flipped(p.x, p.w, p.b, **p.arguments)
    np.testing.assert_array_equal(flipped, reference.conv2d_loops(p.x, kernel, p.b, **p.arguments))


@pytest.mark.parametrize(("batch", "bias"), list(product([(), (0,), (3,)], [True, False])))
def test_pointwise_is_the_definition(batch: tuple[int, ...], bias: bool) -> None:
    """A 1x1 convolution is a linear layer over the channels."""
    random = np.random.default_rng(5)
    x, w = random.integers(-9, 9, (*batch, 3, 4, 2)), random.integers(-9, 9, (5, 3, 1, 1))
    b = random.integers(-9, 9, 5) if bias else None
    y = reference.conv2d_pointwise(x, w, b)
    np.testing.assert_array_equal(y, reference.conv2d_loops(x, w, b), strict=True)
    np.testing.assert_array_equal(y, reference.conv2d(x, w, b), strict=True)


@few
@given(problems(values=("integers",)))
def test_corr2d_is_one_plane(problem: Problem) -> None:
    """corr2d(x, k) is conv2d of one channel without parameters."""
    k = problem.w[0, 0]
    x = np.pad(problem.x.reshape(-1, *problem.input_shape[-2:])[:1].sum(0), 3)
    np.testing.assert_array_equal(
        reference.corr2d(x, k), reference.conv2d(x[None], k[None, None])[0], strict=True
    )


def test_integers_wrap_modulo_2_64() -> None:
    """Integer results are those of Python's integers, modulo 2^64, in every form."""
    random = np.random.default_rng(11)
    x = random.integers(-(2**63), 2**63 - 1, (1, 2, 3, 3))
    w = random.integers(-(2**63), 2**63 - 1, (1, 2, 2, 2))
    exact = sum(int(x[0, c, u, v]) * int(w[0, c, u, v]) for c, u, v in np.ndindex(2, 2, 2))
    for form in (reference.conv2d, reference.conv2d_loops):
        y = form(x, w)
        assert y.dtype == np.int64
        assert (int(y[0, 0, 0, 0]) - exact) % 2**64 == 0
        np.testing.assert_array_equal(y, form(x.view(np.uint64), w.view(np.uint64)))
        np.testing.assert_array_equal(y, reference.conv2d(x, w))


def test_extreme_strides_and_dilations_of_one_output() -> None:
    """A stride that is never taken, and the dilation of a 1x1 kernel, may be any 64-bit integer."""
    largest = 2**63 - 1
    x, w = np.arange(4.0).reshape(1, 1, 2, 2), np.full((1, 1, 1, 1), 3.0)
    for form in (reference.conv2d, reference.conv2d_loops):
        assert form(x, w, stride=largest, dilation=largest).tolist() == [[[[0.0]]]]
    enclosure = reference.enclose_conv2d(
        x + 0.1, w, stride=largest, dilation=largest, arithmetic=reference.FLOAT32
    )
    assert enclosure.rad.shape == (1, 1, 1, 1)


def test_inputs_are_never_written() -> None:
    """Read-only operands are enough for every function."""
    problem = Problem((2, 2, 4, 4), (2, 2, 1, 1), {}, 1, "normal")
    for array in (problem.x, problem.w, problem.b, problem.gy):
        array.setflags(write=False)
    before = problem.x.copy()
    for fast, _ in _outputs(problem):
        assert np.isfinite(fast).all()
    reference.enclose_conv2d(problem.x, problem.w, problem.b, arithmetic=FLOAT64)
    np.testing.assert_array_equal(problem.x, before)


def test_results_own_their_memory() -> None:
    """No result shares memory with an operand, not even where nothing is to be computed."""
    x, w = np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1))
    results = [reference.conv2d(x, w), reference.conv2d_pointwise(x, w)]
    results += [reference.pad(x, ((0, 0), (0, 0))), reference.conv2d_input(x.shape, w, x)]
    for result in results:
        assert not np.shares_memory(result, x)
        assert not np.shares_memory(result, w)


def test_a_nan_pixel_reaches_its_receptive_set_only() -> None:
    """A NaN pixel makes exactly those outputs NaN whose kernel covers it, in every form."""
    x, w = np.ones((2, 1, 5, 5)), np.ones((1, 1, 3, 3))
    x[1, 0, 1, 2] = np.nan
    expected = np.zeros((2, 1, 5, 5), bool)
    expected[1, 0, 0:3, 1:4] = True
    for form in (reference.conv2d, reference.conv2d_loops, reference.conv2d_flipped):
        np.testing.assert_array_equal(np.isnan(form(x, w, padding=1)), expected)


def test_an_infinite_weight_reaches_what_its_tap_reads_only() -> None:
    """In the gradient of the input no product with an inserted or padded zero appears."""
    w, gy = np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2))
    w[0, 0, 0, 1] = np.inf
    expected = np.zeros((1, 1, 4, 4), bool)
    expected[0, 0, ::2, 1::2] = True
    for form in (reference.conv2d_input, reference.conv2d_input_loops):
        gx = form((1, 1, 4, 4), w, gy, stride=2)
        np.testing.assert_array_equal(np.isinf(gx), expected)
        assert not np.isnan(gx).any()
