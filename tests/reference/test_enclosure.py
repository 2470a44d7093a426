"""Enclosures hold everything that a direct kernel returns, and little else."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

import reference
from reference import FLOAT32, FLOAT64, Arithmetic, Enclosure, Format, gamma
from tests.reference.problems import Index, Problem, few, many, problems
from tests.reference.rounding import (
    DIRECT,
    Machine,
    Number,
    Term,
    compensated,
    simulate,
    towards_zero,
)

# So few bits and so small a range that roundings and underflow reach the bounds.
TINY = Arithmetic("tiny", Format("tiny", precision=5, min_exponent=-3, max_exponent=16))
Sums = dict[Index, list[Term]]
ONE = Fraction(1)


def _enclosures(p: Problem, arithmetic: Arithmetic) -> list[Enclosure]:
    """Return the enclosures of the output and of the gradients of input, weight and bias."""
    a, x, w = p.arguments, p.input_shape, p.weight_shape
    return [
        reference.enclose_conv2d(p.x, p.w, p.b, **a, arithmetic=arithmetic),
        reference.enclose_conv2d_input(x, p.w, p.gy, **a, arithmetic=arithmetic),
        reference.enclose_conv2d_weight(p.x, w, p.gy, **a, arithmetic=arithmetic),
        reference.enclose_conv2d_bias(p.gy, arithmetic=arithmetic),
    ]


def _sums(p: Problem) -> list[Sums]:
    """Return, per element of the output and of each gradient, the nonzero terms of its sum."""
    output, x, w, b = (defaultdict(list) for _ in range(4))
    for i, k, o in p.triples():
        output[o].append((Fraction(p.x[i]), Fraction(p.w[k])))
        x[i].append((Fraction(p.w[k]), Fraction(p.gy[o])))
        w[k].append((Fraction(p.x[i]), Fraction(p.gy[o])))
    for o in np.ndindex(p.output_shape):
        output[o].append((Fraction(p.b[o[-3]]), ONE))
        b[o[-3:-2]].append((Fraction(p.gy[o]), ONE))
    return [_nonzero(sums) for sums in (output, x, w, b)]


def _nonzero(sums: Sums) -> Sums:
    return {key: [term for term in terms if all(term)] for key, terms in sums.items()}


def _rounded(p: Problem, arithmetic: Arithmetic) -> Problem:
    """Return the problem with operands that are numbers of the arithmetic."""
    for array in (p.x, p.w, p.b, p.gy):
        for index, value in np.ndenumerate(array):
            array[index] = float(towards_zero(Fraction(value), arithmetic.output))
    return p


def _holds(enclosure: Enclosure, index: Index, value: Number) -> bool:
    """Tell whether an exact value lies in the ball, without a rounding; or an infinity or NaN."""
    if isinstance(value, float):
        return bool(enclosure[index].contains(value))
    mid, rad = float(enclosure.mid[index]), float(enclosure.rad[index])
    return rad == np.inf or abs(value - Fraction(mid)) <= Fraction(rad)


@pytest.mark.parametrize("arithmetic", [TINY, FLOAT32, FLOAT64], ids=lambda a: a.name)
def test_every_order_of_summation_is_inside(arithmetic: Arithmetic) -> None:
    """Products summed in any order, blocking or fusing, correctly rounded, lie in the enclosure."""

    @few
    @given(problems(values=("normal", "cancelling", "sparse", "wide"), max_output=2, max_batch=1))
    def check(problem: Problem) -> None:
        p = _rounded(problem, arithmetic)
        for sums, enclosure in zip(_sums(p), _enclosures(p, arithmetic), strict=True):
            for index, terms in list(sums.items())[:12]:
                for order in DIRECT:
                    value = simulate(order, Machine(arithmetic), [terms])
                    assert _holds(enclosure, index, value), order.__name__
                exact = sum((a * b for a, b in terms), Fraction(0))
                assert _holds(enclosure, index, exact)

    check()


@few
@given(problems(max_output=2, max_batch=1))
def test_compensated_sums_are_inside(problem: Problem) -> None:
    """Kahan's summation, more accurate than a plain one, lies in the enclosure too."""
    for sums, enclosure in zip(_sums(problem), _enclosures(problem, FLOAT32), strict=True):
        for index, terms in list(sums.items())[:8]:
            value = simulate(compensated, Machine(FLOAT32), [terms])
            assert _holds(enclosure, index, value)


def test_the_bound_is_nearly_reached() -> None:
    """Adversarial terms (1, then many of half a unit) use half of the radius."""
    n, half_unit = 8, 2.0**-TINY.output.precision
    x = np.array([1.0] + [half_unit] * n).reshape(1, 1, 1, -1)
    enclosure = reference.enclose_conv2d(x, np.ones_like(x), arithmetic=TINY)
    terms = [(Fraction(v), ONE) for v in x.ravel().tolist()]
    # Each addition to 1 is a tie, goes to even, and loses its whole term.
    lost = 1 + n * half_unit - float(simulate(DIRECT[0], Machine(TINY), [terms]))
    assert lost == n * half_unit
    assert 0.45 < lost / float(enclosure.rad[0, 0, 0, 0]) <= 1


@many
@given(problems(max_output=2, max_batch=1))
def test_radius_is_the_formula(problem: Problem) -> None:
    """Where not exact, the radius is gamma(k, u) S + n eta / 2, up to the oracle's own error."""
    for sums, enclosure in zip(_sums(problem), _enclosures(problem, FLOAT32), strict=True):
        for index, terms in sums.items():
            products = sum(b != ONE for _, b in terms)
            k = max(len(terms) - (products == 0), 0)
            magnitude = float(sum(abs(a * b) for a, b in terms))
            least = float(gamma(k, FLOAT32.u)) * magnitude
            most = least * (1 + 2.0**-20) + (products + 1) * FLOAT32.output.eta
            rad = float(enclosure.rad[index])
            assert rad == 0 or least <= rad <= most, (index, k)


@many
@given(problems(values=("normal",), max_output=2, max_batch=1))
def test_a_dropped_product_is_outside(problem: Problem) -> None:
    """A kernel that forgets one product of ordinary size leaves the enclosure."""
    for sums, enclosure in zip(_sums(problem), _enclosures(problem, FLOAT32), strict=True):
        for index, terms in sums.items():
            if terms:
                total = sum((a * b for a, b in terms), Fraction(0))
                dropped = max(terms, key=lambda term: abs(term[0] * term[1]))
                assert not _holds(enclosure, index, total - dropped[0] * dropped[1])


@few
@given(problems(values=("integers",)))
def test_integers_have_radius_zero(problem: Problem) -> None:
    """Small integers are exact in float32, at every scale that keeps them normal."""
    for scale in (1.0, 2.0**-40, 2.0**40):
        p = problem
        enclosure = reference.enclose_conv2d(
            p.x * scale, p.w, p.b * scale, **p.arguments, arithmetic=FLOAT32
        )
        assert not enclosure.rad.any()
        expected = reference.conv2d(p.x, p.w, p.b, **p.arguments) * scale
        np.testing.assert_array_equal(enclosure.mid, expected)
    for enclosure in _enclosures(problem, FLOAT32):
        assert not enclosure.rad.any()


def _radius(x: list[float], w: list[float], b: float, arithmetic: Arithmetic = FLOAT32) -> float:
    """Return the radius of one dot product with a bias."""
    enclosure = reference.enclose_conv2d([[x]], [[[w]]], [b], arithmetic=arithmetic)
    return float(enclosure.rad[0, 0, 0])


@pytest.mark.parametrize(("arithmetic", "p"), [(FLOAT32, 24), (FLOAT64, 53)])
def test_exactness_ends_where_the_precision_does(arithmetic: Arithmetic, p: int) -> None:
    """S = 2^p - 1 is exact; S = 2^p + 1 is not, since a partial sum may round."""
    half = 2.0 ** (p - 1)
    assert _radius([half - 1, 1], [1, -1], half - 1, arithmetic) == 0
    assert _radius([half, 1], [1, -1], half, arithmetic) > 0
    assert _radius([half / 2, 0.5], [1, -1], half / 2, arithmetic) > 0


def test_the_oracles_own_error_is_included() -> None:
    """In float64 the midpoint errs like the kernel, and the radius holds both errors."""
    magnitude = 0.1 * 0.3 + 0.7 * 0.9
    expected = float(gamma(2, FLOAT64.u) + gamma(3, FLOAT64.u)) * magnitude
    assert _radius([0.1, 0.7], [0.3, 0.9], 0, FLOAT64) == pytest.approx(expected, rel=1e-9)


def test_exactness_needs_normal_terms() -> None:
    """Terms below the smallest normal number are not taken to be exact: they may be flushed."""
    assert _radius([2.0**-63], [2.0**-63], 2.0**-126) == 0
    assert _radius([2.0**-63], [2.0**-64], 2.0**-126) > 0


def test_exactness_needs_room_above() -> None:
    """Terms whose sum overflows are not exact."""
    assert _radius([2.0**63, 2.0**63], [2.0**63, 2.0**63], 0) == 0
    assert _radius([2.0**64, 2.0**64], [2.0**63, 2.0**63], 0) > 0


def test_exactness_is_found_per_output() -> None:
    """One image of large values does not spoil the exactness of its neighbour."""
    x = np.array([[1.0, 2.0], [2.0**30 + 64, 1.0]]).reshape(2, 1, 1, 2)
    enclosure = reference.enclose_conv2d(x, np.ones((1, 1, 1, 2)), arithmetic=FLOAT32)
    assert enclosure.rad[0, 0, 0, 0] == 0 < enclosure.rad[1, 0, 0, 0]


def test_exactness_looks_past_the_prefix() -> None:
    """A single inexact element at the end of the data is noticed."""
    x = np.ones((1, 1, 1, 5000))
    w = np.ones((1, 1, 1, 1))
    assert not reference.enclose_conv2d(x, w, arithmetic=FLOAT32).rad.any()
    x[..., -1] = 1 + 2.0**-40
    rad = reference.enclose_conv2d(x, w, arithmetic=FLOAT32).rad
    assert (rad > 0).all()


@pytest.mark.parametrize(("weight", "bias", "exact"), [(0.0, 0.3, True), (0.1, 0.3, False)])
def test_a_bias_alone_is_exact(weight: float, bias: float, exact: bool) -> None:
    """Where no product feeds an output, the bias alone is returned without a rounding."""
    enclosure = reference.enclose_conv2d(
        np.full((1, 1, 1), 0.7), np.full((1, 1, 1, 1), weight), [bias], arithmetic=FLOAT32
    )
    assert (enclosure.rad[0, 0, 0] == 0) == exact


def test_structural_zeros_do_not_count() -> None:
    """A kernel of 4608 taps of which 2 are nonzero has the radius of 2 products."""
    w = np.zeros((1, 512, 3, 3))
    w[0, 0, 0, 0] = w[0, 511, 2, 2] = 0.1
    x = np.full((1, 512, 3, 3), 0.7)
    rad = reference.enclose_conv2d(x, w, arithmetic=FLOAT32).rad[0, 0, 0, 0]
    assert rad == pytest.approx(float(gamma(2, FLOAT32.u)) * 0.14, rel=1e-6)


def test_padding_zeros_do_not_count() -> None:
    """A corner output of a padded 3x3 convolution has the radius of its 4 products."""
    x, w = np.full((1, 4, 4), 0.7), np.full((1, 1, 3, 3), 0.1)
    rad = reference.enclose_conv2d(x, w, padding=1, arithmetic=FLOAT32).rad[0]
    for (i, j), n in {(0, 0): 4, (0, 1): 6, (1, 1): 9}.items():
        expected = float(gamma(n, FLOAT32.u)) * n * 0.07
        assert rad[i, j] == pytest.approx(expected, rel=1e-6)


def test_nothing_is_claimed_without_a_bound() -> None:
    """Once n u >= 1 the radius is infinite."""
    coarse = Arithmetic("coarse", Format("coarse", precision=3, min_exponent=-10, max_exponent=10))
    x, w = np.full((1, 1, 1, 8), 0.7), np.full((1, 1, 1, 8), 0.3)
    assert reference.enclose_conv2d(x, w, arithmetic=coarse).rad[0, 0, 0, 0] == np.inf


def test_nan_is_never_contained() -> None:
    """A NaN lies in no ball; an infinity only where it is the midpoint."""
    enclosure = Enclosure(np.array([1.0, 1.0, np.inf, 1.0]), np.array([np.inf, 0.0, 0.0, 0.5]))
    assert enclosure.contains([np.nan] * 4).tolist() == [False] * 4
    assert enclosure.contains([1.0, 1.0, np.inf, 1.5]).tolist() == [True] * 4
    assert enclosure.contains([9.0, 1.1, -np.inf, 1.6]).tolist() == [True, False, False, False]


def test_non_finite_data_claims_nothing_where_it_reaches() -> None:
    """A NaN or infinite pixel makes the radius infinite in its receptive field, and only there."""
    x = np.full((1, 1, 3, 5), 0.1)
    x[0, 0, 0, 0] = np.nan
    enclosure = reference.enclose_conv2d(x, np.full((1, 1, 3, 3), 0.3), arithmetic=FLOAT32)
    assert np.isfinite(enclosure.rad).tolist() == [[[[False, True, True]]]]
    assert np.isnan(enclosure.mid).tolist() == [[[[True, False, False]]]]


def test_shapes_must_agree() -> None:
    """A ball per element: neither the radius nor the candidate is broadcast."""
    with pytest.raises(ValueError, match=r"^`rad` of shape \(1,\) is not \(2,\), as `mid`$"):
        Enclosure(np.zeros(2), np.zeros(1))
    with pytest.raises(ValueError, match=r"^`y` of shape \(1,\) is not \(2,\), as `mid`$"):
        Enclosure(np.zeros(2), np.zeros(2)).contains([0.0])


def test_integers_that_float64_does_not_hold_are_refused() -> None:
    """An enclosure is one of floating-point operands; 2^53 + 1 is none."""
    with pytest.raises(ValueError, match=r"^`input` has integers above 2\*\*53, which float64"):
        reference.enclose_conv2d([[[2**53 + 2]]], [[[[1]]]], arithmetic=FLOAT64)
