"""The theory of kernel recovery against the numbers of a published notebook.

They are rounded to the digits printed; where it is not said what descent started from, the
statement is that some start explains all of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from properties.case import Case, Tensor
from properties.recovery_theory import Problem
from properties.recovery_training import Training
from properties.test_recovery import ambiguous_training, edge_training
from properties.values import Float64


def losses(problem: Problem, steps: list[int]) -> Float64:
    """Return the loss before each of these steps, counted from 0, in exact arithmetic."""
    errors = problem.closed_form() - problem.truth
    values = np.einsum("tgqm,gqr,tgrm->t", errors, problem.grams[0], errors)
    return np.array([float(problem.scales[0]) / 2 * values[step] for step in steps])


def test_notebook_edge_kernel() -> None:
    """Some start gives all five losses printed after 2, 4, ..., 10 steps of lr 0.03.

    loss_t = 6 a .64^2t + 30 b .8^2t from (1, -1) + sqrt(a / 2) (1, -1) + sqrt(b / 2) (1, 1).
    """
    printed, steps = np.array([5.400, 1.118, 0.274, 0.082, 0.028]), np.array([1, 3, 5, 7, 9])
    modes = np.stack([6 * 0.64 ** (2 * steps), 30 * 0.8 ** (2 * steps)], axis=1)
    # Least squares of what is printed to a fixed number of decimals: absolute errors.
    a, b = np.linalg.lstsq(modes, printed, rcond=None)[0]
    assert a > 0
    assert b > 0
    start = np.array([1.0, -1.0]) + np.sqrt(a / 2) * np.array([1, -1]) + np.sqrt(b / 2)
    problem = Problem(edge_training(start, "float64", 10))
    assert np.array_equal(problem.gram[0], [[18, 12], [12, 18]])
    assert np.abs(losses(problem, steps.tolist()) - printed).max() <= 0.5e-3
    assert Problem(replace(problem.training, steps=100)).closed_form()[-1].round(
        4
    ).ravel().tolist() == [1, -1]


BIASED = [
    ((2.894, 0.446, 0.084, 0.019), (0.9602, -0.9757, 0.0087)),
    ((0.395, 0.068, 0.014, 0.003), (0.9884, -0.9831, -0.0029)),
]


@pytest.mark.parametrize(("printed", "learned"), BIASED)
def test_notebook_edge_kernel_with_bias(
    printed: tuple[float, ...], learned: tuple[float, float, float]
) -> None:
    """Some start gives the losses printed after 5, 10, 15, 20 steps of lr 0.01 and what is learned.

    The eigenvalues are 6, 9.85 and 62.2. What is learned fixes the start along the first two to
    rounding; along the third it is free: a factor of .243 per step leaves no trace after twenty.
    """
    truth, steps = np.array([1.0, -1.0, 0.0]), np.array([4, 9, 14, 19])
    start = biased_start(np.array(learned) - truth, np.array(printed), steps) + truth
    image = edge_training(np.zeros(2), "float64", 1).case.input
    case = Case(
        image, Tensor.of(start[:2].reshape(1, 1, 1, 2)), Tensor.of(start[2:]), dtype="float64"
    )
    kernel = Tensor.of(truth[:2].reshape(1, 1, 1, 2))
    problem = Problem(Training(case, kernel, Tensor.of(np.zeros(1)), lr=0.01, steps=20))
    assert np.abs(losses(problem, steps.tolist()) - printed).max() <= 0.5e-3
    assert np.abs(problem.closed_form()[-1].ravel() - learned).max() <= 0.5e-4


def biased_start(last: Float64, printed: Float64, steps: Float64) -> Float64:
    """Return the e_0 whose e_20 and losses come nearest, in units of rounding, by a grid search."""
    gram = np.array([[18.0, 12.0, 18.0], [12.0, 18.0, 18.0], [18.0, 18.0, 42.0]])
    values, vectors = np.linalg.eigh(gram)
    factors = 1 - 0.02 * values
    spread = np.linspace(-9e-5, 9e-5, 181)
    c = vectors.T @ last
    grid = np.stack(
        np.meshgrid(c[0] + spread, c[1] + spread, np.linspace(0, 1, 5), indexing="ij"), -1
    )
    grid /= np.array([factors[0] ** 20, factors[1] ** 20, 1.0])
    ends = (grid * factors**20) @ vectors.T
    modes = values * factors ** (2 * steps[:, None])
    worst = np.maximum(
        np.abs(ends - last).max(-1) / 0.5e-4, np.abs(grid**2 @ modes.T - printed).max(-1) / 0.5e-3
    )
    found: Float64 = vectors @ grid[np.unravel_index(worst.argmin(), worst.shape)]
    return found


def test_notebook_rank_deficient() -> None:
    """Losses before steps 10 and 200 and the kernel after 200 are the closed form's.

    The losses were printed from float32: 0.4637046456 and 0.0984221995, to six digits and five.
    """
    problem = Problem(ambiguous_training("float32", 200))
    assert problem.ranks == [2]
    assert problem.limit().ravel().tolist() == [0.5, 0.5, 0.5, 0.5]
    printed = [[0.6710, 0.6244], [0.4845, 0.4378]]
    assert problem.closed_form()[-1].reshape(2, 2).round(4).tolist() == printed
    early, late = losses(problem, [9, 199])
    assert early == pytest.approx(0.4637046456, abs=0.5e-6)
    assert late == pytest.approx(0.0984221995, abs=0.5e-6)


def test_notebook_minibatches() -> None:
    """Some start and number of epochs give the printed kernel [[0.9974, -0.9974]].

    All six samples are the same row, so order and shuffling do not matter. A^T A of a batch of two
    has the eigenvalues 2 and 10, which at lr 0.03 and the mean of 14 squares shrink errors by
    1 - .06 / 7 and 1 - .3 / 7 per step: the printed error lies along the slow one. From zero it
    takes 230 or 231 epochs. Neither start nor epochs are printed, so no more can be decided.
    """
    row = edge_training(np.zeros(2), "float64", 1)
    x = row.case.arrays["input"].reshape(6, 1, 1, 8)
    exercise = replace(row, case=row.case.replace(input=Tensor.of(x)), reduction="mean")
    problem = Problem(replace(exercise, batches=((0, 2), (2, 4), (4, 6)), steps=3 * 231))
    assert [gram.tolist() for gram in problem.grams] == [[[[6, 4], [4, 6]]]] * 3
    iterates = problem.closed_form()[::3].reshape(-1, 2).round(4)
    matching = np.flatnonzero((iterates == [0.9974, -0.9974]).all(axis=1))
    assert matching.tolist() == [230, 231]
