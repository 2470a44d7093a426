"""Sums in a declared arithmetic, rounded exactly, in several orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from reference import Arithmetic

Term = tuple[Fraction, Fraction]
Summation = Callable[[Sequence[Term], Arithmetic], Fraction]


def nearest(value: Fraction, arithmetic: Arithmetic) -> Fraction:
    """Return the number of the format nearest to a value, ties to even, subnormals included."""
    if value == 0:
        return value
    exponent = abs(value.numerator).bit_length() - value.denominator.bit_length() - 1
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    exponent = max(exponent, arithmetic.min_exponent)
    unit = Fraction(2) ** (exponent - arithmetic.precision + 1)
    return round(value / unit) * unit  # Python rounds a Fraction's ties to even


def sequential(terms: Sequence[Term], arithmetic: Arithmetic) -> Fraction:
    """Round every product, and add from the left."""
    total = Fraction(0)
    for a, b in terms:
        total = nearest(total + nearest(a * b, arithmetic), arithmetic)
    return total


def backwards(terms: Sequence[Term], arithmetic: Arithmetic) -> Fraction:
    """Round every product, and add from the right."""
    return sequential(terms[::-1], arithmetic)


def pairwise(terms: Sequence[Term], arithmetic: Arithmetic) -> Fraction:
    """Add the sums of two halves."""
    if len(terms) < 2:
        return sequential(terms, arithmetic)
    half = len(terms) // 2
    parts = pairwise(terms[:half], arithmetic), pairwise(terms[half:], arithmetic)
    return nearest(sum(parts), arithmetic)  # type: ignore[arg-type]


def fused(terms: Sequence[Term], arithmetic: Arithmetic) -> Fraction:
    """Round a product and its addition once, as FMA does."""
    total = Fraction(0)
    for a, b in terms:
        total = nearest(total + a * b, arithmetic)
    return total


def split(terms: Sequence[Term], arithmetic: Arithmetic) -> Fraction:
    """Add three interleaved fused sums, as split-K and vector lanes do."""
    lanes = [(fused(terms[lane::3], arithmetic), Fraction(1)) for lane in range(3)]
    return sequential(lanes, arithmetic)


def by_magnitude(terms: Sequence[Term], arithmetic: Arithmetic) -> Fraction:
    """Add the largest products first, the worst order for many sums."""
    return sequential(sorted(terms, key=lambda term: -abs(term[0] * term[1])), arithmetic)


def compensated(terms: Sequence[Term], arithmetic: Arithmetic) -> Fraction:
    """Add with Kahan's compensation."""
    total = lost = Fraction(0)
    for a, b in terms:
        term = nearest(nearest(a * b, arithmetic) - lost, arithmetic)
        raised = nearest(total + term, arithmetic)
        lost = nearest(nearest(raised - total, arithmetic) - term, arithmetic)
        total = raised
    return total


DIRECT: list[Summation] = [sequential, backwards, pairwise, fused, split, by_magnitude]
