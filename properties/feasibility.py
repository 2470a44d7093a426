"""What the rules leave: calls that can be, pairs of levels to cover, domains of modes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations

from properties.domain import FACTORS, Domain
from properties.planned import PLANNED, Level
from properties.rules import FORBIDDEN, RULES


def feasible(chosen: Mapping[str, str]) -> str | None:
    """Return the name of a rule that forbids these levels together, None if none does."""
    found = (FORBIDDEN.get(frozenset(pair)) for pair in combinations(chosen.items(), 2))
    return next(filter(None, found), None)


def infeasible(one: Level, other: Level) -> str:
    """Return the name of the rule by which no call has both levels, or ""."""
    return FORBIDDEN.get(frozenset({one, other})) or _by_mode(one, other) or _by_mode(other, one)


def _by_mode(one: Level, other: Level) -> str:
    """Return the rule of a mode that leaves a factor no level which the other level goes with."""
    if one[0] != "mode":
        return ""
    for name, left, right in RULES:
        for factor in right if one[1] in left.get("mode", ()) else ():
            levels = [(factor, level) for level in PLANNED.get(factor, ())]
            allowed = [level for level in levels if frozenset({one, level}) not in FORBIDDEN]
            if allowed and all(frozenset({level, other}) in FORBIDDEN for level in allowed):
                return name
    return ""


@lru_cache(maxsize=256)
def layouts_left(mode: str, operand: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of these layouts of an operand that go with a mode."""
    one, factor = ("mode", mode), f"{operand}_layout"
    return tuple(o for o in options if frozenset({one, (factor, o)}) not in FORBIDDEN)


def left_by_mode(domain: Domain) -> Mapping[str, Domain]:
    """Return for each mode of a domain what it leaves of it; without modes that leave nothing."""
    return _left_by_mode(tuple(domain.levels.items()))


@lru_cache(maxsize=64)
def _left_by_mode(levels: tuple[tuple[str, tuple[str, ...]], ...]) -> Mapping[str, Domain]:
    found, domain = {}, Domain(dict(levels))
    for mode in domain.options("mode"):
        left = {**domain.levels, "mode": (mode,)}
        for _, modes, others in RULES:
            if mode not in modes.get("mode", ()):
                continue
            for factor in filter(FACTORS.__contains__, others):
                options = left.get(factor, FACTORS[factor])
                left[factor] = tuple(o for o in options if o not in others[factor])
        weights = layouts_left(mode, "weight", left.get("layout", FACTORS["layout"]))
        if all(left.values()) and weights:
            found[mode] = Domain(left)
    return found
