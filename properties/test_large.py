"""Calls with one large extent, where indices overflow and the last of many tiles ends."""

from __future__ import annotations

from hypothesis import given

from properties.large_strategies import LargeDraft, large_drafts
from properties.replay import recheck
from properties.subject import Subject


@given(draft=large_drafts())
def test_large_extents_at_sampled_positions(conv2d: Subject, draft: LargeDraft) -> None:
    """conv2d(x, w)[p] lies in its enclosure at chosen p, of an output too large for all of them.

    At its corners, on both sides of every power of two of the flat index and of the index along
    each axis, and at hashed places. With --conv2d-large beyond 2^31 elements.
    """
    recheck(conv2d, draft.assemble(conv2d), {"kind": "large"})
