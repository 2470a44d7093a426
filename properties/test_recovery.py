"""Gradient descent through the implementation recovers the kernel that made its data.

Targets are y = A k* for a known kernel k*, A being the columns of the input. With exact data
everything that descent does is known beforehand; no loss is compared with a threshold.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from properties.case import Case, Tensor
from properties.domain import active
from properties.recovery import (
    norms,
    observe,
    require_apart,
    require_closed_form,
    require_near,
)
from properties.recovery_strategies import (
    deficient_trainings,
    flipped_trainings,
    identifiable_trainings,
    trainings,
)
from properties.recovery_training import Training
from properties.subject import Subject
from properties.values import Float64

STARTS = ((0.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (3.0, -4.0))


@given(training=trainings())
def test_each_step_of_gradient_descent_lies_in_its_enclosure(
    conv2d: Subject, training: Training
) -> None:
    """k_{t+1} = k_t - lr v_{t+1}, v_{t+1} = mu v_t + 2c A_b^T (A_b k_t - y), from the observed k_t.

    Up to the radius of one step; and e_t = k_t - k* is (I - 2c lr A^T A)^t e_0, or with momentum
    and batches the corresponding product, up to the radii of the steps carried forward.
    """
    require_closed_form(observe(conv2d, training))


@given(training=identifiable_trainings())
def test_kernel_is_recovered(conv2d: Subject, training: Training) -> None:
    """||k_T - k*|| <= max over eigenvalues s of A^T A of |1 - 2c lr s|^T ||k_0 - k*|| + radius.

    A has full column rank, and T is such that the first term is at most 1/4: with k* an integer
    kernel, rounding k_T to integers gives k*.
    """
    observed = observe(conv2d, training)
    problem = observed.problem
    assert problem.identifiable, "the strategy drew data that do not determine the kernel"
    left = problem.contractions()[training.steps] * norms(problem.start - problem.truth)
    require_near(observed, problem.truth, left, "the true kernel")
    assert observed.fast or np.all(left + norms(observed.radii[-1]) < 0.5), (
        "the strategy drew too few steps to tell integers apart"
    )


@given(training=deficient_trainings())
def test_unidentifiable_kernel_ends_at_the_projection(conv2d: Subject, training: Training) -> None:
    """k_t goes to k_0 + A^+ (y - A k_0), and never comes nearer to k* than that is.

    The part of k_0 - k* in the null space of A stays as it is, so ||k_t - k*|| is at least its
    length, which is positive, while the rest contracts as in exact arithmetic.
    """
    observed = observe(conv2d, training)
    require_closed_form(observed)
    problem, closed = observed.problem, observed.problem.closed_form()
    assert not problem.identifiable, "the strategy drew data that determine the kernel"
    limit, unseen = problem.limit(), norms(problem.null_errors())
    require_near(observed, limit, norms(closed[-1] - limit), "the predicted limit")
    require_apart(observed, problem.truth, unseen, "the true kernel")
    assert observed.fast or np.all(unseen > norms(observed.radii[-1])), (
        "the strategy drew a start without such a part"
    )


@given(training=flipped_trainings())
def test_true_convolution_teaches_the_flipped_kernel(conv2d: Subject, training: Training) -> None:
    """On targets y = x * k (true convolution) descent approaches the flipped kernel.

    e_t = k_t - flip(k) follows the closed form that cross-correlation with flip(k) gives.
    """
    require_closed_form(observe(conv2d, training))


@given(dtype=st.sampled_from(("float32", "float64")), start=st.sampled_from(STARTS))
def test_edge_kernel_is_recovered(conv2d: Subject, dtype: str, start: tuple[float, float]) -> None:
    """From an edge image 100 steps of lr 0.03 recover [[1, -1]] to 4 decimals.

    A^T A = [[18, 12], [12, 18]] has the eigenvalues 6 and 30: errors shrink by 0.64 and -0.8.
    """
    training = edge_training(np.array(start), _within(dtype, False), 100)
    observed = observe(conv2d, training)
    require_closed_form(observed)
    problem = observed.problem
    left = problem.contractions()[100] * norms(problem.start - problem.truth)
    require_near(observed, problem.truth, left, "[[1, -1]]")
    assert observed.fast or np.all(left + norms(observed.radii[-1]) < 0.5e-4), (
        "the derived bound does not give 4 decimals"
    )


@given(dtype=st.sampled_from(("float32", "float64")))
def test_ambiguous_kernel_ends_at_one_half(conv2d: Subject, dtype: str) -> None:
    """From [[0, 1, 2, 3], [4, 5, 6, 7]] and ones, descent goes to [[.5, .5], [.5, .5]], not to I.

    A has rank 2; after 200 steps of lr 0.001 the kernel is [[.6710, .6244], [.4845, .4378]].
    """
    observed = observe(conv2d, ambiguous_training(_within(dtype, True), 200))
    require_closed_form(observed)
    problem = observed.problem
    half = np.full_like(problem.truth, 0.5)
    assert np.array_equal(problem.limit(), half)
    # The closed form as printed: within half a unit of the fourth decimal.
    printed = np.array([0.6710, 0.6244, 0.4845, 0.4378]).reshape(problem.truth.shape)
    assert np.abs(problem.closed_form()[-1] - printed).max() <= 0.5e-4
    left = problem.contractions()[200] * norms(problem.start - half)
    require_near(observed, half, left, "[[.5, .5], [.5, .5]]")
    require_apart(observed, problem.truth, norms(problem.null_errors()), "the true kernel")


def edge_training(start: Float64, dtype: str, steps: int) -> Training:
    """Return the edge detector's training: a 6x8 image that is 1, with 0 in its middle columns."""
    image = np.ones((1, 1, 6, 8))
    image[..., 2:6] = 0.0
    weight = Tensor.of(start.reshape(1, 1, 1, 2))
    case = Case(Tensor.of(image), weight, dtype=dtype)
    truth = Tensor.of(np.array([1.0, -1.0]).reshape(1, 1, 1, 2))
    return Training(case, truth, None, lr=0.03, steps=steps)


def ambiguous_training(dtype: str, steps: int) -> Training:
    """Return the training whose three outputs do not determine four weights."""
    image = np.arange(8.0).reshape(1, 1, 2, 4)
    case = Case(Tensor.of(image), Tensor.of(np.ones((1, 1, 2, 2))), dtype=dtype)
    return Training(case, Tensor.of(np.eye(2).reshape(1, 1, 2, 2)), None, lr=0.001, steps=steps)


def _within(dtype: str, square: bool) -> str:
    """Return the dtype, or what the domain offers in its place; OutOfDomain where it cannot."""
    domain = active().within(
        passes=("weight", "weight+bias", "input+weight", "input+weight+bias"),
        kernel=("square" if square else "1xK",),
        stride=("1",),
        padding=("0",),
        dilation=("1",),
        groups=("1",),
        bias=("no",),
        batch=("1",),
    )
    options = domain.options("dtype")
    return dtype if dtype in options else options[0]
