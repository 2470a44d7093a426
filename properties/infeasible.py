"""Whether some call can have two levels, or which rule forbids it."""

from __future__ import annotations

from properties.domain import FACTORS as DOMAIN
from properties.feasibility import RULES as OF_MODES
from properties.planned import PLANNED, Level
from properties.rules import RULES

MODE_RULES = tuple(rule for rule in OF_MODES if rule.factor == "mode" and rule.other in DOMAIN)
_LAYOUTS = ("input_layout", "weight_layout", "grad_output_layout")


def infeasible(one: Level, other: Level) -> str:
    """Return the name of the rule by which no call has both levels, or ""."""
    for name, left, right in RULES:
        for a, b in ((one, other), (other, one)):
            if a[1] in left.get(a[0], ()) and b[1] in right.get(b[0], ()):
                return name
    return _by_mode(one, other) or _by_mode(other, one)


def _by_mode(one: Level, other: Level) -> str:
    """Return the rule of a mode that leaves a factor no level which the other level goes with."""
    if one[0] != "mode":
        return ""
    for rule in MODE_RULES:
        if one[1] not in rule.levels:
            continue
        factor = other[0] if rule.other == "layout" and other[0] in _LAYOUTS else rule.other
        if factor == other[0]:
            left = other[1] in (*rule.only, "none")
        elif rule.other == "layout" and other[0] == "bias_layout":
            left = other[1] in ("none", "contiguous")  # a vector has no other memory format
        else:
            levels = [level for level in rule.only if level in PLANNED.get(factor, ())]
            left = not levels or any(not infeasible((factor, level), other) for level in levels)
        if not left:
            return rule.name
    return ""
