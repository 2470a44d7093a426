"""The errors of one plane of a result, in radii: the shape of a defect, for a person to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from properties.dtypes import Exact
from properties.judge import distance
from properties.values import Float64
from reference import Enclosure

SIDE = 64  # elements; of a larger plane a window of this side is kept


@dataclass(frozen=True)
class ErrorMap:
    """|y - mid| / rad over a window of one plane of a result.

    result  "output", or the operand that a gradient is of
    plane   the leading indices of the plane, as of image and channel
    origin  row and column of the window's first element; `shape` is the extent of the whole plane
    errors  float64, at most SIDE x SIDE; infinite outside a radius of 0, and for a lost NaN
    """

    result: str
    plane: tuple[int, ...]
    origin: tuple[int, int]
    shape: tuple[int, int]
    errors: Float64

    def to_json(self) -> dict[str, Any]:
        """Return plain data, a string for each row: "0 0 inf" shows a shape even where it lies."""
        return {
            "result": self.result,
            "plane": list(self.plane),
            "origin": list(self.origin),
            "shape": list(self.shape),
            "rows": [" ".join(f"{error:.3g}" for error in row) for row in self.errors],
        }


def error_map(
    name: str, observed: Exact, enclosure: Enclosure, index: tuple[int, ...]
) -> ErrorMap | None:
    """Return the map round the element at `index`; None for results that have no planes."""
    if observed.ndim not in (3, 4):
        return None
    *plane, row, column = index
    height, width = observed.shape[-2:]
    top, left = _start(row, height), _start(column, width)
    part: tuple[int | slice, ...] = (*plane, slice(top, top + SIDE), slice(left, left + SIDE))
    errors = _in_radii(observed[part], enclosure[part])
    return ErrorMap(name, tuple(plane), (top, left), (height, width), errors)


def _in_radii(observed: Exact, ball: Enclosure) -> Float64:
    inside = ball.contains(observed)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        share = distance(observed, ball.mid) / ball.rad
    # A ratio says nothing of 0 / 0 and of infinities. What is outside has to look so in 3 digits.
    within = np.where(np.isfinite(share), share, 0.0)
    return np.where(inside, within, np.where(np.isnan(share), np.inf, np.maximum(share, 1.01)))


def _start(place: int, extent: int) -> int:
    """Return where a window of an axis begins that has this place in its middle, if it can."""
    return max(0, min(place - SIDE // 2, extent - SIDE))
