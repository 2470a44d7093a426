"""What sums of a few chosen products tell of the arithmetic that computes them.

Each probe takes a `Dot` and returns plain data, or None where the question does not arise. Only
what comes back decides: nothing is known of any implementation here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from properties.dots import Dot
from properties.dtypes import DTYPES, Exact

WIDEST = 60  # bits: wider than float64
LOWEST = -14  # exponent of the smallest normal number of float16, dtype or accumulator
Triple = tuple[int, int, int]


def operand_bits(dot: Dot) -> dict[str, int]:
    """Return how many significant bits of each factor reach the product, by operand.

    The numbers 1 + 2**(1 - p) have p bits each, and are multiplied by 1.
    """
    bits = np.arange(2, dot.format.precision + 1)
    values = 1 + np.exp2(1.0 - bits)
    first, ones = np.zeros((len(bits), dot.size)), np.ones(dot.size)
    first[:, 0] = values
    found = {dot.factors[-1]: 1 + _leading(dot(ones, first) == values)}
    if len(dot.factors) > 1:
        left = np.zeros(dot.size)
        left[: len(bits)] = values
        found[dot.factors[0]] = 1 + _leading(dot(left, np.eye(len(bits), dot.size)) == values)
    return {name: found[name] for name in dot.factors}


def sum_bits(dot: Dot) -> dict[str, int]:
    """Return how many bits a partial sum keeps along each kind of step, and up to the bias.

    That is the least k at which 1 is lost from b + 1 - b with b = 1.5 * 2**k (so that b + 1 and
    1 - b lie in one binade), over orders and distances; one more than the largest k tried if it
    never is: 30 in float16, 61 elsewhere. Each of three addends is the 1 once, so every order of
    summation adds it to a large number in at least two of three calls.
    """
    found: dict[str, int] = {}
    for name, (count, step) in dot.axes.items():
        widths = [_width(dot, [step * place for place in triple]) for triple in triples(count)]
        if widths:
            found[name] = min(widths)
    if dot.result == "output":
        found["bias"] = min(_width(dot, pair) for pair in ([0, 1], [1, 0]))
    return found


def triples(count: int) -> Iterator[Triple]:
    """Yield the places of b, 1 and -b among `count` addends in a row."""
    if count > 2:
        yield from ((1, 0, 2), (0, 2, 1))
    step = 1
    while 2 * step < count:
        yield (0, step, 2 * step)
        step *= 4


def _width(dot: Dot, places: list[int]) -> int:
    """Return the least k at which the 1 is lost; -b is the bias where `places` has none for it."""
    steps = np.arange(1, min(WIDEST, dot.format.max_exponent - 1 - LOWEST) + 1)
    small, big = 2.0**LOWEST, 1.5 * np.exp2(LOWEST + steps)
    right = np.zeros((len(steps), dot.size))
    right[:, places[0]], right[:, places[1]] = big, small
    if len(places) == 2:
        return 1 + _leading(dot(np.ones(dot.size), right, -big) == small)
    right[:, places[2]] = -big
    return 1 + _leading(dot(np.ones(dot.size), right) == small)


def _leading(kept: Exact) -> int:
    """Return how many elements come before the first that is False."""
    return len(kept) if kept.all() else int(np.argmin(kept))


def rounding(dot: Dot) -> str:
    """Return how a sum of two addends is rounded to the dtype of the result.

    The sums are 1 + m 2**-(p + 2) for m = 1..15, of both signs: the eighths of two neighbouring
    spacings of p bits. The rounding is that of the addition unless the accumulator is wider.
    """
    p = dot.format.precision
    m = np.arange(1, 16)
    step = next(step for count, step in dot.axes.values() if count > 1)
    right = np.zeros((2 * len(m), dot.size))
    right[:, 0] = np.repeat([1.0, -1.0], len(m))
    right[:, step] = right[:, 0] * np.tile(np.ldexp(m, -p - 2), 2)
    got = dot(np.ones(dot.size), right).real
    spacings, eighths = m // 8, m % 8
    up = {
        "nearest-even": (eighths > 4) | ((eighths == 4) & (spacings % 2 == 1)),
        "nearest-away": eighths >= 4,
        "toward zero": np.zeros(len(m), bool),
    }
    for name, carry in up.items():
        rounded = 1 + np.ldexp(spacings + carry, 1 - p)
        if np.array_equal(got, np.concatenate([rounded, -rounded])):
            return name
    return "other"


def subnormals(dot: Dot) -> list[str]:
    """Return which subnormals are not kept: those of "operands", of "results".

    Subnormal factors are scaled into the normal range; of results one is a product of normal
    numbers, one a difference. All are powers of two, which operands of fewer bits hold too.
    """
    f, normal = dot.format, dot.format.smallest_normal
    half, scale, low = normal / 2, 2.0**8, f.min_exponent // 2
    products = [(half, scale), (scale, half), (2.0**low, 2.0 ** (f.min_exponent - 1 - low))]
    products = products if len(dot.factors) == 2 else [(1.0, half)]
    count = len(products)
    left, right = np.ones(dot.size), np.zeros((count + 1, dot.size))
    for slot, (a, b) in enumerate(products):
        left[slot], right[slot, slot] = a, b
    right[count, count : count + 2] = 1.5 * normal, -normal
    expected = [*(a * b for a, b in products), half]
    kept = dot(left, right) == expected
    lost = {"operands": kept[: len(dot.factors)], "results": kept[len(dot.factors) :]}
    return [name for name, which in lost.items() if not which.all()]


def zero_times_infinity(dot: Dot) -> dict[str, str] | None:
    """Return what 0 * inf gives where each operand is the infinity: "NaN", or "skipped"."""
    if len(dot.factors) < 2:
        return None
    infinite, zeros = np.zeros((1, dot.size)), np.zeros((1, dot.size))
    infinite[0, 0] = np.inf
    sums = (dot(infinite[0], zeros), dot(zeros[0], infinite))
    return {
        name: "NaN" if np.isnan(values[0]) else "skipped"
        for name, values in zip(dot.factors, sums, strict=True)
    }


def multiplications(dot: Dot) -> int | None:
    """Return how many real multiplications a complex product takes: 4, or 3.

    One part of one factor is M = 2**p, the other 1; the other factor is 1 or i. The definition
    a c - b d + i (a d + b c) then only adds zeros. Three multiplications (Gauss) need a sum of two
    parts of one factor, M + 1 or M - 1, and their difference from M is not 1 once rounded.
    """
    if DTYPES[dot.dtype].kind != "complex" or len(dot.factors) < 2:
        return None
    m = 2.0**dot.format.precision
    large = np.array([m + 1j, 1 + m * 1j, m - 1j, 1 - m * 1j])
    units = np.array([1, 1j, -1, -1j])
    exact = all(_products_are_exact(dot, a, b) for a, b in ((large, units), (units, large)))
    return 4 if exact else 3


def _products_are_exact(dot: Dot, left: Exact, right: Exact) -> bool:
    """Tell whether every product of an element of `left` and one of `right` is exact."""
    slots = np.zeros(dot.size, np.complex128)
    slots[: len(left)] = left
    rows = np.zeros((len(left), len(right), dot.size), np.complex128)
    for slot in range(len(left)):
        rows[slot, :, slot] = right
    if dot.result != "output":  # what torch conjugates is given conjugated
        slots, rows = (slots, rows.conj()) if dot.result == "input" else (slots.conj(), rows)
    got = dot(slots, rows.reshape(-1, dot.size))
    return np.array_equal(got, np.outer(left, right).ravel())
