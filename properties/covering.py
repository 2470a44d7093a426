"""A covering array: few calls that have every pair of levels between them.

Greedy, as in AETG (Cohen, Dalal, Fredman & Patton, IEEE TSE 23(7), 1997): a row is begun with a
pair that is still missing, and every further factor gets the level with most missing pairs. Rows
are made by the generator of the search with a seeded choice in place of Hypothesis, and a level
counts where the finished case has it. An array is a function of the domain alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, islice
from random import Random
from typing import Any

import numpy as np

from properties.case import Case
from properties.composition import compose
from properties.coverage import Pair, cells, factors, pairs
from properties.domain import Domain, OutOfDomain
from properties.drafts import VALUES
from properties.pins import Wanted, pins_of
from properties.planned import PLANNED, Level, planned

CANDIDATES = 3  # of which the best is taken
TRIES = {True: 2000, False: 20}  # for one that has the pair at all; in a narrower domain
REACHES = {True: 400, False: 30}  # for a call that has a level at all
FIRST = 64  # rows that are made before any is run, so that the best of them come first


@dataclass(frozen=True)
class Row:
    """A call, and the choices that it was made by."""

    case: Case
    choices: tuple[tuple[str, Any], ...]

    @property
    def breadth(self) -> int:
        """Results times extents above one: where most is computed, most defects show."""
        case = self.case
        shapes = (*case.input.shape, *case.weight.shape, *case.output_shape[-2:])
        return (1 + len(case.gradients)) * sum(extent > 1 for extent in shapes)


class Covering:
    """The rows of an array, each made when it is first asked for.

    In a domain that is not the `whole` of what an implementation of its form can have, a pair that
    many tries do not find is not planned.
    """

    def __init__(self, builder: _Builder, whole: bool) -> None:
        self._builder, self._whole = builder, whole
        self._made: list[Row] = []
        self._more = builder.build()

    @property
    def rows(self) -> Iterator[Row]:
        """Yield the rows, of the first ones the best first; as often as one asks, the same."""
        for place in count():
            if place == len(self._made):
                more = islice(self._more, 1 if place else FIRST)
                self._made += more if place else _best_first(more)
            if place == len(self._made):
                return
            yield self._made[place]

    @property
    def planned(self) -> frozenset[Pair]:
        """The cells that are planned."""
        return self._builder.planned if self._whole else self._builder.planned - self._lost

    @property
    def missing(self) -> frozenset[Pair]:
        """Those of them that no row has which was made, and for which no call was found."""
        return self._lost if self._whole else frozenset()

    @property
    def _lost(self) -> frozenset[Pair]:
        return self._builder.lost()

    def hit(self, cases: Iterable[Case]) -> frozenset[Pair]:
        """Return the planned cells that these calls have."""
        return self.planned & {cell for case in cases for cell in pairs(factors(case))}


def _best_first(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows, next always the one with most breadth times levels that none before had."""
    left = sorted(rows, key=lambda row: -row.breadth)
    levels = {id(row): {*factors(row.case).items()} for row in left}
    seen: set[Level] = set()
    while left:
        best = max(left, key=lambda row: row.breadth * len(levels[id(row)] - seen))
        left.remove(best)
        seen |= levels[id(best)]
        yield best


def covering(domain: Domain, whole: bool = True) -> Covering:
    """Return an array for the pairs of all levels, of calls inside the domain."""
    with suppress(OutOfDomain):
        domain = domain.within(mode=PLANNED["mode"])
    return Covering(_Builder(domain, whole), whole)


class _Builder:
    """The levels by number, and which pairs of them are still missing."""

    def __init__(self, domain: Domain, whole: bool) -> None:
        self.domain, self.random = domain, Random(0)
        self.tries, self.reaches = TRIES[whole], REACHES[whole]
        names = planned(domain)
        self.levels: list[Level] = [(f, level) for f, some in names.items() for level in some]
        self.index = {level: i for i, level in enumerate(self.levels)}
        reached = {i for i, level in enumerate(self.levels) if self._reaches(i)}
        self.places = {
            f: [i for i in map(self.index.get, ((f, level) for level in some)) if i in reached]
            for f, some in names.items()
        }
        self.left = np.zeros((len(self.levels), len(self.levels)), np.bool_)
        for first, second in map(tuple, cells(names)):
            i, j = self.index[first], self.index[second]
            self.left[i, j] = self.left[j, i] = i in reached and j in reached
        self.feasible = self.left.copy()
        size = {factor: len(places) for factor, places in self.places.items()}
        # The factors with most levels decide how many rows there are: their pairs come first.
        self.order = [(int(i), int(j)) for i, j in np.argwhere(np.triu(self.feasible))]
        self.order.sort(key=lambda p: -size[self.levels[p[0]][0]] * size[self.levels[p[1]][0]])
        self.planned = self._named(self.order)
        self.sought: list[tuple[int, int]] = []

    def _reaches(self, i: int) -> bool:
        made = (self._make([i]) for _ in range(self.reaches))
        return any(i in own for _, own in filter(None, made))

    def build(self) -> Iterator[Row]:
        """Yield rows until no pair is missing that can be found."""
        for i, j in self.order:
            if not self.left[i, j]:
                continue
            found = list(islice(self._candidates(i, j), CANDIDATES))
            if found:
                row, own = max(found, key=lambda candidate: self._new(candidate[1]))
                self.left[np.ix_(own, own)] = False
                yield row
            else:
                self.sought.append((i, j))

    def lost(self) -> frozenset[Pair]:
        """Return the pairs that were sought in vain and that no row has had since."""
        return self._named((i, j) for i, j in self.sought if self.left[i, j])

    def _named(self, places: Iterable[tuple[int, int]]) -> frozenset[Pair]:
        return frozenset(frozenset({self.levels[i], self.levels[j]}) for i, j in places)

    def _new(self, own: list[int]) -> int:
        return int(np.count_nonzero(self.left[np.ix_(own, own)]))

    def _candidates(self, i: int, j: int) -> Iterator[tuple[Row, list[int]]]:
        """Yield calls that have both levels, with the numbers of all their levels."""
        for attempt in range(self.tries):
            # Much that is wanted at once may be impossible: then only the pair is.
            made = self._make(self._plan([i, j]) if attempt < 2 * CANDIDATES else [i, j])
            if made is not None and i in made[1] and j in made[1]:
                yield made

    def _make(self, wanted: list[int]) -> tuple[Row, list[int]] | None:
        """Return a call for which these levels were wanted, with the levels that it has."""
        choices: list[tuple[str, Any]] = []
        with suppress(OutOfDomain):
            case = compose(self._chooser(wanted, choices), self.domain, tuple(VALUES))
            found = factors(case).items()
            own = [self.index[level] for level in found if level in self.index]
            return Row(case, tuple(choices)), own
        return None

    def _plan(self, chosen: list[int]) -> list[int]:
        """Add to the levels chosen, for each further factor, the one with most missing pairs."""
        taken = {self.levels[i][0] for i in chosen}
        gain = self.left[chosen].sum(axis=0)
        possible = np.asarray(self.feasible[chosen].all(axis=0))
        for factor in self._shuffled([f for f in self.places if f not in taken]):
            options = [i for i in self._shuffled(self.places[factor]) if possible[i]]
            if options:
                best = max(options, key=gain.__getitem__)
                chosen.append(best)
                gain += self.left[best]
                possible &= self.feasible[best]
        return chosen

    def _shuffled(self, items: list[Any]) -> list[Any]:
        # `random()` is the one method that gives the same numbers in every version of Python.
        return [item for _, item in sorted((self.random.random(), i) for i in items)]

    def _chooser(
        self, wanted: list[int], record: list[tuple[str, Any]]
    ) -> Callable[[str, tuple[Any, ...]], Any]:
        pins: dict[str, list[Wanted]] = {}
        for i in wanted:
            for choice, good in pins_of(*self.levels[i]).items():
                pins.setdefault(choice, []).append(good)

        def choose(choice: str, options: tuple[Any, ...]) -> Any:
            distinct = tuple(dict.fromkeys(options))  # the plain ones are offered several times
            for good in pins.get(choice, ()):
                # The levels that were chosen first matter most.
                distinct = tuple(filter(good, distinct)) or distinct
            record.append((choice, distinct[int(self.random.random() * len(distinct))]))
            return record[-1][1]

        return choose
