"""Coverage by design: cells, rules that forbid some, and arrays that have all the others."""

from __future__ import annotations

from itertools import product

import pytest

from properties.case import Case
from properties.coverage import cells, factors, pairs
from properties.covering import FIRST, Covering, covering
from properties.domain import FACTORS, Domain
from properties.feasibility import feasible, infeasible
from properties.planned import COSTLY, Levels, planned
from properties.rules import KNOWN, RULES
from properties.strategies import cases
from tests.test_strategies import sample

NARROW = "dtype=float32|int8 kernel=1x1|square padding=0|1 mode=eager|no_grad layout=contiguous"


@pytest.fixture(scope="module")
def drawn() -> list[Case]:
    """Cases in all modes, drawn once for this module."""
    modes = tuple(mode for mode in FACTORS["mode"] if mode not in COSTLY)
    return sample(cases(mode=modes), 1500)[0]


def test_no_call_has_an_infeasible_pair(drawn: list[Case]) -> None:
    """A search finds no witness against a rule."""
    witnesses = [
        (infeasible(*pair), case)
        for case in drawn
        for pair in map(tuple, pairs(factors(case)))
        if infeasible(*pair)
    ]
    assert witnesses == []


@pytest.mark.parametrize(("name", "left", "right"), RULES, ids=[rule[0] for rule in RULES])
def test_each_rule_is_about_levels_that_exist(name: str, left: Levels, right: Levels) -> None:
    """It forbids levels that are known, and some, so that a misspelt one is seen; never all."""
    for side in (left, right):
        for factor, levels in side.items():
            assert set() < set(levels) < set(KNOWN[factor]), (factor, levels)
    for one, other in product(left.items(), right.items()):
        assert feasible({one[0]: one[1][0], other[0]: other[1][-1]}) is not None
        assert feasible({one[0]: one[1][0]}) is None


def test_a_cell_is_a_pair_of_levels_of_two_factors() -> None:
    """Each cell is there once, and none is of one factor."""
    found = list(cells())
    assert len(set(found)) == len(found)
    assert all(len({factor for factor, _ in cell}) == 2 for cell in found)


@pytest.fixture(scope="module")
def array() -> Covering:
    """Return the array of a narrow domain."""
    return covering(Domain.parse([NARROW]), whole=False)


def test_a_narrow_domain_has_an_array_of_its_own(array: Covering) -> None:
    """All rows lie in the domain, and every cell that is planned is hit."""
    calls = [row.case for row in array.rows]
    assert array.hit(calls) == array.planned
    assert len(array.planned) > 300
    assert not array.missing
    names = planned(Domain.parse([NARROW]))
    for call in calls:
        assert call.dtype in ("float32", "int8")
        assert call.mode in ("eager", "no_grad")
        assert all(t.layout == "contiguous" for t in call.tensors.values())
        assert factors(call)["kernel"] in names["kernel"]


def test_an_array_depends_on_the_domain_alone(array: Covering) -> None:
    """Built twice, it has the same rows in the same order."""
    again = covering(Domain.parse([NARROW]), whole=False)
    assert [row.case.key for row in array.rows] == [row.case.key for row in again.rows]


def test_the_best_of_the_first_calls_come_first(array: Covering) -> None:
    """Many results, few extents of one, and levels of its own: of two calls the first is better.

    Where nothing new is left to see, breadth says nothing: any order has every pair.
    """
    rows = list(array.rows)[:FIRST]
    assert rows[0].breadth == max(row.breadth for row in rows)
    new, seen = [], set[tuple[str, str]]()
    for row in rows:
        own = {*factors(row.case).items()}
        new.append(row.breadth * len(own - seen))
        seen |= own
    assert new == sorted(new, reverse=True)
    assert new[0] > 2 * new[8]
