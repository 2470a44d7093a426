"""A histogram of the shares of the bound that good results use, by powers of two."""

from __future__ import annotations

import math

# The upper end of each bin. The first is of results that are exact to the bit; then come all below
# 2^-8, and from there on a bin for each power of two, the last of which holds 1 itself.
ENDS = ("0", "1/256", "1/128", "1/64", "1/32", "1/16", "1/8", "1/4", "1/2", "1")


def bin_of(used: float) -> int:
    """Return the place in `ENDS` of a share between 0 and 1."""
    exponent = math.frexp(used)[1]  # used < 2^exponent
    return max(1, len(ENDS) - 1 + min(exponent, 0)) if used else 0
