"""The theory of kernel recovery against itself: no implementation runs here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

import reference
from properties.case import Case, Tensor
from properties.recovery_algebra import (
    as_integers,
    common_denominator,
    eliminate,
    null_part,
    null_vectors,
    quotient,
    rank,
)
from properties.recovery_strategies import (
    deficient_trainings,
    identifiable_trainings,
    trainings,
)
from properties.recovery_theory import MAX_STEPS, Problem, columns, design
from properties.recovery_training import Training
from properties.values import Float64, Recipe
from reference import Conv2dParams

few = settings(max_examples=40, derandomize=True, database=None, deadline=None)


def training(
    x: Float64, weight: tuple[int, ...], bias: bool = False, padding: int = 0, lr: float = 2.0**-9
) -> Training:
    """Return six steps on this input towards random integers."""
    values = [Tensor(weight, Recipe("integers", seed)) for seed in (1, 2)]
    biases = [Tensor(weight[:1], Recipe("integers", seed)) for seed in (3, 4)]
    start, truth = biases if bias else (None, None)
    case = Case(Tensor.of(x), values[0], start, Conv2dParams(padding=padding), "float64")
    return Training(case, values[1], truth, lr=lr, steps=6)


@few
@given(drawn=trainings())
def test_columns_times_kernel_is_the_convolution(drawn: Training) -> None:
    """A k = conv2d(x, k), exactly on integers, in every geometry that is generated."""
    case, p = drawn.case, drawn.case.params
    y = np.einsum("gnpq,gqm->ngmp", design(case), columns(*drawn.learnable, p.groups))
    assert np.array_equal(y.reshape(case.output_shape), drawn.target)


@few
@given(drawn=trainings())
def test_training_survives_json(drawn: Training) -> None:
    """A training read back from its JSON is the same one."""
    again = Training.from_json(drawn.to_json())
    assert again.to_json() == drawn.to_json()
    assert np.array_equal(again.target, drawn.target)


@few
@given(drawn=trainings())
def test_exact_descent_is_float64_descent(drawn: Training) -> None:
    """The exact iterates are those of the textbook loop in float64, up to its rounding."""
    problem = Problem(drawn)
    k, v = problem.start, np.zeros_like(problem.start)
    for step, exact in enumerate(problem.closed_form()[1:]):
        batch = step % len(problem.batches)
        gradient = float(problem.scales[batch]) * problem.grams[batch] @ (k - problem.truth)
        v = drawn.momentum * v + gradient
        k = k - drawn.lr * v
        assert np.allclose(k, exact, rtol=1e-9, atol=1e-9)


def test_exact_descent_is_the_matrix_power() -> None:
    """Without momentum, on the full batch, e_t = (I - 2c lr A^T A)^t e_0, as rational numbers."""
    drawn = replace(training(np.arange(36.0).reshape(1, 1, 6, 6), (1, 1, 2, 2)), reduction="mean")
    problem = Problem(drawn)
    gram = as_integers(problem.gram[0]) * Fraction(1)
    matrix = np.eye(4, dtype=int) - problem.scales[0] * Fraction(drawn.lr) * gram
    error = as_integers(problem.start[0] - problem.truth[0]) * Fraction(1)
    for exact in problem.closed_form():
        expected = [float(value) for value in (error + as_integers(problem.truth[0])).ravel()]
        assert exact.ravel().tolist() == expected
        error = matrix @ error


@pytest.mark.parametrize("size", [1, 2, 5])
def test_elimination_is_exact(size: int) -> None:
    """Rank, null space and projection of integer matrices whose rank is known by construction."""
    left = Recipe("integers", size).expand((7, size))
    right = Recipe("integers", size + 50).expand((size, 6))
    matrix = as_integers(left @ right)
    assert rank(matrix) == np.linalg.matrix_rank(left @ right) == size
    rows, pivots, divisor = eliminate(matrix)
    assert np.array_equal(rows[:size, pivots], np.eye(size, dtype=int) * divisor)
    basis = null_vectors(matrix)
    assert basis.shape == (6, 6 - size)
    assert not np.any(matrix @ basis)
    vectors = as_integers(Recipe("integers", 9).expand((6, 2)))
    projected, denominator = null_part(matrix, vectors)
    assert not np.any(matrix @ projected)
    assert not np.any(basis.T @ (vectors * denominator - projected))


def test_rank_notices_what_floating_point_does_not() -> None:
    """[[2^40, 1], [2^80, 2^40 + 1]] has determinant 2^40: full rank, though not to an SVD."""
    matrix = np.array([[2**40, 1], [2**80, 2**40 + 1]], dtype=object)
    assert rank(matrix) == 2
    assert np.linalg.matrix_rank(matrix.astype(np.float64)) == 1


def test_fractions_round_once() -> None:
    """Floats become integers over one denominator and come back as they were."""
    values = np.array([[0.1, -3.0], [2.0**-60, 7e5]])
    assert np.array_equal(quotient(*common_denominator(values)), values)
    with pytest.raises(ValueError, match="not integers"):
        as_integers(values)


def test_taps_that_see_only_padding_are_not_identifiable() -> None:
    """H = 1, K = 3, padding 1: nine unknowns, of which only the middle row is ever used: rank 3."""
    problem = Problem(
        training(Recipe("normal").expand((40, 1, 1, 7)).round(2) * 100, (1, 1, 3, 3), padding=1)
    )
    assert problem.unknowns == 9
    assert problem.ranks == [3]
    assert sorted(np.flatnonzero(problem.null_vectors()[0].any(axis=1))) == [0, 1, 2, 6, 7, 8]


def test_constant_input_has_rank_one() -> None:
    """All columns of a constant image are equal, and equal to that of the bias."""
    assert Problem(training(np.full((1, 1, 5, 5), 3.0), (1, 1, 2, 2), bias=True)).ranks == [1]


@few
@given(drawn=identifiable_trainings())
def test_recovery_is_promised_only_where_it_happens(drawn: Training) -> None:
    """A has full rank, T < MAX_STEPS, and in exact arithmetic k_T rounds to the true kernel."""
    problem = Problem(drawn)
    assert problem.identifiable
    assert drawn.steps < MAX_STEPS
    assert np.array_equal(np.rint(problem.closed_form()[-1]), problem.truth)
    assert np.array_equal(problem.limit(), problem.truth)


@few
@given(drawn=identifiable_trainings())
def test_contraction_bounds_every_step(drawn: Training) -> None:
    """||e_t|| <= max |(B^t)_00| ||e_0|| for every t, B being the step of one eigenvalue."""
    problem = Problem(drawn)
    lengths = np.sqrt(((problem.closed_form() - problem.truth) ** 2).sum(2))
    factors = problem.contractions()[: drawn.steps + 1, None, None]
    assert np.all(lengths <= factors * lengths[0] * (1 + 1e-12) + 1e-12)


@few
@given(drawn=deficient_trainings())
def test_the_unseen_part_never_moves(drawn: Training) -> None:
    """Every iterate has the start's projection on the null space of A, which is not zero."""
    problem = Problem(drawn)
    assert not problem.identifiable
    unseen = problem.null_errors()
    assert np.all(np.abs(unseen).max(axis=1) > 0.1)
    for group, basis in enumerate(problem.null_vectors()):
        moved = (problem.closed_form()[:, group] - problem.start[group]).swapaxes(1, 2)
        assert np.allclose(moved @ basis.astype(np.float64), 0.0, atol=1e-9)
    pseudo = [np.linalg.pinv(a.reshape(-1, problem.unknowns)) for a in problem.design]
    for group, inverse in enumerate(pseudo):
        rows = problem.design[group].reshape(-1, problem.unknowns)
        step = inverse @ (rows @ (problem.truth[group] - problem.start[group]))
        assert np.allclose(problem.limit()[group], problem.start[group] + step, atol=1e-6)


def test_learning_rate_expands_nothing() -> None:
    """2c lr lambda_max < 2 for every batch, and the rate is a short binary number."""
    drawn = training(Recipe("integers").expand((3, 1, 5, 5)), (1, 1, 2, 2))
    problem = Problem(replace(drawn, batches=((0, 1), (1, 3)), reduction="mean"))
    rate = problem.tune()
    for scale, gram in zip(problem.scales, problem.grams, strict=True):
        assert float(scale) * rate * np.linalg.eigvalsh(gram).max() < 2
    assert np.float32(rate) == rate


def test_flipped_targets_belong_to_the_flipped_kernel() -> None:
    """True convolution x * k is the cross-correlation with k flipped on both axes."""
    drawn = replace(training(Recipe("integers").expand((2, 1, 5, 6)), (2, 1, 2, 3)), flipped=True)
    weight, bias = drawn.learnable
    y = reference.conv2d_loops(drawn.case.arrays["input"], weight, bias)
    assert np.array_equal(y, drawn.target)
