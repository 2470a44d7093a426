"""The backward pass: each gradient against its own oracle, and against the forward pass."""

from __future__ import annotations

from hypothesis import given

from properties.case import Case
from properties.domain import FACTORS
from properties.dtypes import FLOATING
from properties.relations import add, conjugate, exactly, inner
from properties.strategies import cases, either
from properties.subject import Subject

SUBSETS = FACTORS["passes"][1:]


@given(case=cases(passes=SUBSETS))
def test_gradients_lie_in_their_enclosures(conv2d: Subject, case: Case) -> None:
    """For L = sum(g * y): dL/dx, dL/dw and dL/db lie in their enclosures; exact on integers.

    Whatever subset of input, weight and bias requires a gradient.
    """
    conv2d.check(case)


@given(case=cases(passes=("forward",), derivative="forward-mode", dtype=FLOATING))
def test_forward_mode_is_the_derivative(conv2d: Subject, case: Case) -> None:
    """The tangent along (dx, dw, db) is conv2d(dx, w) + conv2d(x, dw) + db."""
    conv2d.check(case)


@given(
    case=either(
        cases(passes=("input+weight+bias",), derivative="second"),
        cases(passes=("input+weight",), bias=("no",), derivative="second"),
    )
)
def test_second_order_gradients_lie_in_their_enclosures(conv2d: Subject, case: Case) -> None:
    """With S = Re <dx, dL/dx> + Re <dw, dL/dw> + Re <db, dL/db>: its gradients are convolutions.

    dS/dx is the gradient of the input for the weight dw, dS/dw that of the weight for the input dx,
    and dS/dg = conv2d(dx, w) + conv2d(x, dw) + db. <a, b> conjugates a: see `properties.expect`.
    """
    conv2d.check(case)


@given(case=cases(passes=("input+weight", "input+weight+bias")))
def test_adjoint_identity(conv2d: Subject, case: Case) -> None:
    """<g, y> = <dL/dx, x> + <g, b> = <dL/dw, w> + <g, b>: backward is the adjoint of forward."""
    balls = conv2d.measure_all(case)
    x, w, g = (case.arrays[name] for name in ("input", "weight", "grad_output"))
    forward = inner(g, balls["output"])
    by_input, by_weight = (
        conjugate(inner(*pair)) for pair in ((x, balls["input"]), (w, balls["weight"]))
    )
    if case.bias is not None:
        by_bias = inner(g, exactly(case.arrays["bias"][:, None, None] + 0.0 * g))
        by_input, by_weight = add(by_input, by_bias), add(by_weight, by_bias)
    conv2d.require_equal(case, "<g, y> is not <grad_input, x>", forward, by_input)
    conv2d.require_equal(case, "<g, y> is not <grad_weight, w>", forward, by_weight)
