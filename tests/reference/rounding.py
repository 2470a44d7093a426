"""Kernels in a declared arithmetic, simulated exactly: every rounding is one of a fraction.

A number is a `Fraction`, or a float where it is infinite or not a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reference import Arithmetic, Format

Number = Fraction | float
Term = tuple[Fraction, Fraction]


def nearest(value: Number, each: Format) -> Number:
    """Return the number of the format nearest to a value, ties to even; overflow to infinity."""
    if isinstance(value, float) or value == 0:
        return value
    unit = _unit(value, each)
    result = round(value / unit) * unit  # Python rounds a Fraction's ties to even
    if abs(result) >= Fraction(2) ** each.max_exponent:
        return math.inf if result > 0 else -math.inf
    return result


def towards_zero(value: Number, each: Format) -> Number:
    """Return the number of the format next to a value towards zero."""
    if isinstance(value, float) or value == 0:
        return value
    unit, largest = _unit(value, each), Fraction(each.largest)
    return max(-largest, min(int(value / unit) * unit, largest))


def _unit(value: Fraction, each: Format) -> Fraction:
    """Return the spacing of the format around a value."""
    exponent = abs(value.numerator).bit_length() - value.denominator.bit_length()
    if abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    return Fraction(2) ** (max(exponent, each.min_exponent) - each.precision + 1)


@dataclass(frozen=True)
class Machine:
    """An arithmetic at work; what it leaves open, and the faults that it forbids, are chosen."""

    arithmetic: Arithmetic
    cuts_operands: bool = False
    cuts_output: bool = False

    def operand(self, value: Fraction) -> Number:
        """Return a factor of a product as the kernel takes it."""
        each = self.arithmetic.operands or self.arithmetic.output
        return self._flushed((towards_zero if self.cuts_operands else nearest)(value, each), each)

    def rounded(self, value: Number) -> Number:
        """Return a product or a sum in the accumulator."""
        each = self.arithmetic.accumulator
        return self._flushed(nearest(value, each), each)

    def stored(self, value: Number) -> Number:
        """Return a sum in the format of the output."""
        each = self.arithmetic.output
        return self._flushed((towards_zero if self.cuts_output else nearest)(value, each), each)

    def _flushed(self, value: Number, each: Format) -> Number:
        is_small = -each.smallest_normal < value < each.smallest_normal
        return Fraction(0) if is_small and self.arithmetic.flushes else value


def add(left: Number, right: Number) -> Number:
    """Return a sum; a fraction may be larger than any float, but an infinity is not."""
    if isinstance(left, float) and isinstance(right, Fraction):
        return left
    if isinstance(right, float) and isinstance(left, Fraction):
        return right
    return left + right


Summation = Callable[[Sequence[Term], Machine], Number]
Fault = Callable[[list[Term], Machine], tuple[list[Term], Machine]]


def sequential(terms: Sequence[Term], machine: Machine) -> Number:
    """Round every product, and add from the left."""
    total: Number = Fraction(0)
    for a, b in terms:
        total = machine.rounded(add(total, machine.rounded(a * b)))
    return total


def backwards(terms: Sequence[Term], machine: Machine) -> Number:
    """Round every product, and add from the right."""
    return sequential(terms[::-1], machine)


def pairwise(terms: Sequence[Term], machine: Machine) -> Number:
    """Add the sums of two halves."""
    if len(terms) < 2:
        return sequential(terms, machine)
    half = len(terms) // 2
    return machine.rounded(add(pairwise(terms[:half], machine), pairwise(terms[half:], machine)))


def blocked(terms: Sequence[Term], machine: Machine) -> Number:
    """Add the sums of four consecutive products to a running total."""
    total: Number = Fraction(0)
    for start in range(0, len(terms), 4):
        total = machine.rounded(add(total, sequential(terms[start : start + 4], machine)))
    return total


def fused(terms: Sequence[Term], machine: Machine) -> Number:
    """Round a product and its addition once, as FMA does."""
    total: Number = Fraction(0)
    for a, b in terms:
        total = machine.rounded(add(total, a * b))
    return total


def split(terms: Sequence[Term], machine: Machine) -> Number:
    """Add three interleaved fused sums, as split-K and vector lanes do."""
    total: Number = Fraction(0)
    for lane in range(3):
        total = machine.rounded(add(total, fused(terms[lane::3], machine)))
    return total


def by_magnitude(terms: Sequence[Term], machine: Machine) -> Number:
    """Add the largest products first, the worst order for many sums."""
    return sequential(sorted(terms, key=lambda term: -abs(term[0] * term[1])), machine)


def compensated(terms: Sequence[Term], machine: Machine) -> Number:
    """Add with Kahan's compensation, but of an infinity, which it would make a NaN."""
    total: Number = Fraction(0)
    lost: Number = Fraction(0)
    for a, b in terms:
        term = machine.rounded(add(machine.rounded(a * b), -lost))
        raised = machine.rounded(add(total, term))
        lost = Fraction(0)
        if isinstance(raised, Fraction):
            lost = machine.rounded(add(machine.rounded(add(raised, -total)), -term))
        total = raised
    return total


def tensor_core(size: int) -> Summation:
    """Return the sum by blocks that align `size` products to the largest addend and truncate."""

    def blocks(terms: Sequence[Term], machine: Machine) -> Number:
        each, total = machine.arithmetic.accumulator, Fraction(0)
        for start in range(0, len(terms), size):
            addends = [total, *(a * b for a, b in terms[start : start + size])]
            unit = _unit(max(addends, key=abs), each)
            aligned = sum((int(v / unit) * unit for v in addends), Fraction(0))
            if abs(aligned) >= Fraction(2) ** each.max_exponent:
                return math.inf if aligned > 0 else -math.inf
            total = Fraction(towards_zero(aligned, each))
        return total

    blocks.__name__ = f"tensor_core_{size}"
    return blocks


DIRECT: list[Summation] = [
    sequential, backwards, pairwise, blocked, fused, split, by_magnitude, compensated,
]  # fmt: skip
TRUNCATING = [tensor_core(size) for size in (1, 2, 4, 8)]


def simulate(
    order: Summation,
    machine: Machine,
    parts: Sequence[Sequence[Term]],
    bias: Fraction | None = None,
    fault: Fault | None = None,
) -> Number:
    """Return what a kernel computes for a sum in parts, stored as its arithmetic says."""
    if fault is not None:
        changed = [fault(list(part), machine) for part in parts]
        parts, machine = [terms for terms, _ in changed], changed[0][1]
    taken = [[(machine.operand(a), machine.operand(b)) for a, b in part] for part in parts]
    stores = machine.arithmetic.stores
    if stores in ("none", "bias"):
        taken = [[term for part in taken for term in part]]
    total: Number = Fraction(0)
    for part in taken:
        found = order(part, machine)  # type: ignore[arg-type]
        if stores == "none":
            total = found
        else:
            total = machine.stored(machine.rounded(add(total, machine.stored(found))))
    if bias is not None:
        total = machine.rounded(add(total, bias))
    return machine.stored(total)


def drop_the_largest(terms: list[Term], machine: Machine) -> tuple[list[Term], Machine]:
    """Forget the largest product."""
    kept = sorted(terms, key=lambda term: -abs(term[0] * term[1]))[1:]
    return kept, machine


def cut_the_output(terms: list[Term], machine: Machine) -> tuple[list[Term], Machine]:
    """Store results by truncation."""
    return terms, Machine(machine.arithmetic, machine.cuts_operands, cuts_output=True)
