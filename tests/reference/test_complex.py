"""Complex convolutions: the definition, torch's gradients, and both ways to multiply."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
from reference import FLOAT16, FLOAT32, FLOAT64, TF32, Arithmetic, Enclosure
from tests.reference.problems import Index, Problem, few, problems, refused
from tests.reference.rounding import Machine, Number, add, fused, pairwise, sequential, simulate

Complex = NDArray[np.complex128]
Pair = tuple[Fraction, Fraction]
ONE = Fraction(1)
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def operands(p: Problem, arithmetic: Arithmetic = FLOAT64) -> list[Complex]:
    """Return input, weight, bias and gradient, with parts that are numbers of the arithmetic."""
    other = Problem(p.input_shape, p.weight_shape, p.arguments, p.seed + 1, p.values)
    pairs = [(p.x, other.x), (p.w, other.w), (p.b, other.b), (p.gy, other.gy)]
    each = arithmetic.output
    return [each.truncate(real) + 1j * each.truncate(imag) for real, imag in pairs]


@few
@given(problems(values=("integers",)))
def test_every_form_computes_the_definition(p: Problem) -> None:
    """Fast forms equal loops, and bilinearity gives the parts from four real convolutions."""
    (x, w, b, gy), a = operands(p), p.arguments
    y = reference.conv2d_loops(x, w, b, **a)
    assert y.dtype == np.complex128
    real = reference.conv2d(x.real, w.real, b.real, **a) - reference.conv2d(x.imag, w.imag, **a)
    imag = reference.conv2d(x.real, w.imag, b.imag, **a) + reference.conv2d(x.imag, w.real, **a)
    np.testing.assert_array_equal(y, real + 1j * imag)
    flipped = reference.conv2d_flipped(x, w[..., ::-1, ::-1], b, **a)
    for form in (reference.conv2d(x, w, b, **a), flipped):
        np.testing.assert_array_equal(form, y, strict=True)
    pairs: list[Any] = [
        (reference.conv2d_input, reference.conv2d_input_loops, (p.input_shape, w, gy)),
        (reference.conv2d_weight, reference.conv2d_weight_loops, (x, p.weight_shape, gy)),
    ]
    for fast, loops, arguments in pairs:
        np.testing.assert_array_equal(fast(*arguments, **a), loops(*arguments, **a), strict=True)
    total = gy.reshape(-1, *gy.shape[-3:]).sum((0, 2, 3))
    np.testing.assert_array_equal(reference.conv2d_bias(gy), total, strict=True)


@few
@given(problems(values=("integers",)))
def test_gradients_are_autograds(p: Problem) -> None:
    """On small integers complex64 autograd gives the oracle's gradients, conjugates included."""
    (x, w, b, gy), a = operands(p), p.arguments
    if p.params.padding_mode != "zeros":
        a = {**a, "padding_mode": "zeros"}
    if gy.shape != reference.conv2d(x, w, b, **a).shape or 0 in x.shape:
        return
    tensors = [torch.tensor(v, dtype=torch.complex64, requires_grad=True) for v in (x, w, b)]
    arguments = {key: value for key, value in a.items() if key != "padding_mode"}
    conv2d: Any = torch.nn.functional.conv2d
    conv2d(*tensors, **arguments).backward(torch.tensor(gy, dtype=torch.complex64))
    found = [
        reference.conv2d_input(p.input_shape, w, gy, **a),
        reference.conv2d_weight(x, p.weight_shape, gy, **a),
        reference.conv2d_bias(gy),
    ]
    enclosures = enclose(x, w, b, gy, {**a, "arithmetic": FLOAT32})[1:]
    for tensor, gradient, enclosure in zip(tensors, found, enclosures, strict=True):
        assert tensor.grad is not None
        np.testing.assert_array_equal(tensor.grad.numpy(), gradient)
        assert not enclosure.rad.any()
        assert enclosure.contains(tensor.grad).all()


def enclose(x: Complex, w: Complex, b: Complex, gy: Complex, options: Any) -> list[Enclosure]:
    """Return the enclosures of the output and of the gradients of input, weight and bias."""
    return [
        reference.enclose_conv2d(x, w, b, **options),
        reference.enclose_conv2d_input(x.shape, w, gy, **options),
        reference.enclose_conv2d_weight(x, w.shape, gy, **options),
        reference.enclose_conv2d_bias(gy, arithmetic=options["arithmetic"]),
    ]


def pair(value: complex) -> Pair:
    """Return both parts, exactly."""
    return Fraction(value.real), Fraction(value.imag)


def gauss(terms: list[tuple[Pair, Pair]], bias: Pair, order: Any, m: Machine) -> list[Number]:
    """Return both parts from three real sums, of parts added first, as torch does on the CPU."""

    def total(values: list[Any], offset: Number) -> Number:
        return m.stored(m.rounded(add(order(values, m), offset)))

    def combined(left: Number, right: Number) -> Number:
        return m.stored(m.rounded(add(left, right)))

    def taken(value: Number) -> Any:
        return m.operand(value)  # type: ignore[arg-type]

    a = total([(taken(x[0]), taken(w[0])) for x, w in terms], bias[0])
    b = total([(taken(x[1]), taken(w[1])) for x, w in terms], Fraction(0))
    both = [(taken(combined(*x)), taken(combined(*w))) for x, w in terms]
    c = total(both, combined(*bias))
    return [combined(a, -b), combined(combined(c, -a), -b)]


def four(terms: list[tuple[Pair, Pair]], bias: Pair, order: Any, m: Machine) -> list[Number]:
    """Return both parts from one real sum each."""
    real = [t for x, w in terms for t in ((x[0], w[0]), (-x[1], w[1]))]
    imag = [t for x, w in terms for t in ((x[0], w[1]), (x[1], w[0]))]
    return [
        simulate(order, m, [part], offset) for part, offset in zip((real, imag), bias, strict=True)
    ]


@pytest.mark.parametrize("arithmetic", [FLOAT32, FLOAT64, FLOAT16, TF32], ids=lambda a: a.name)
@pytest.mark.parametrize("form", [gauss, four])
def test_both_forms_are_inside(arithmetic: Arithmetic, form: Callable[..., list[Number]]) -> None:
    """Three and four real sums, in any order and rounded exactly, lie in the enclosure."""

    @few
    @given(problems(max_output=2, max_batch=1), st.sampled_from([sequential, pairwise, fused]))
    def check(p: Problem, order: Any) -> None:
        x, w, b, gy = operands(p, arithmetic)
        found = enclose(x, w, b, gy, {**p.arguments, "arithmetic": arithmetic})[0]
        terms: dict[Index, list[tuple[Pair, Pair]]] = defaultdict(list)
        for i, k, o in p.triples():
            terms[o].append((pair(x[i]), pair(w[k])))
        for o in list(np.ndindex(p.output_shape))[:6]:
            values = form(terms[o], pair(b[o[-3]]), order, Machine(arithmetic))
            assert found[o].contains(complex(*map(float, values))), (o, values)

    check()


def test_a_dropped_imaginary_product_is_outside() -> None:
    """The radius is small against the data: forgetting one of the four products shows."""
    random = np.random.default_rng(1)
    x, w = (random.standard_normal((2, *shape)) for shape in ((1, 4, 5, 5), (2, 4, 3, 3)))
    enclosure = reference.enclose_conv2d(x[0] + 1j * x[1], w[0] + 1j * w[1], arithmetic=FLOAT32)
    assert enclosure.contains(enclosure.mid).all()
    assert not enclosure.contains(enclosure.mid + reference.conv2d(x[1], w[1])).any()


def test_complex_and_real_operands_do_not_mix() -> None:
    """As in torch, a typed real array beside a complex one is refused; a list is not."""
    x, w = np.ones((1, 2, 2)), np.ones((1, 1, 1, 1), np.complex128)
    with refused("`input` has dtype float64, but `weight` has dtype complex128"):
        reference.conv2d(x, w)
    np.testing.assert_array_equal(reference.conv2d(x.tolist(), 1j * w), 1j * x)
    with refused("`y` has dtype complex128 instead of float64"):
        reference.enclose_conv2d(x, x[None], arithmetic=FLOAT32).contains(x[:, :1, :1] * 1j)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_tensors_are_read_through_lazy_views(dtype: torch.dtype) -> None:
    """Conjugate views, imaginary parts and graphs of complex tensors are read as values."""
    x = torch.tensor([[[1 + 2j, 3 - 1j]]], dtype=dtype, requires_grad=True)
    np.testing.assert_array_equal(reference.conv2d(x.conj(), [[[[1.0]]]]), [[[1 - 2j, 3 + 1j]]])
    np.testing.assert_array_equal(reference.conv2d(x.conj().imag, [[[[1.0]]]]), [[[-2, 1]]])
