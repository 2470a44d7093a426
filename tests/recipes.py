"""The kinds of values that tests go through one by one; the widths between behave alike."""

from __future__ import annotations

from properties.values import KINDS

WIDTHS = (4, 8, 13, 20, 27, 52)
SOME = tuple(
    kind
    for kind in KINDS
    if not kind.startswith("wide") or kind in {f"wide{width}" for width in WIDTHS}
)
