"""The verdict: whether every element is inside its enclosure, and the share of the radius used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from properties.case import Case
from properties.values import Float64
from properties.violations import RelationViolation, ValueViolation
from reference import Enclosure


@dataclass(frozen=True)
class Verdict:
    """What `judge` found. `used` is max |y - mid| / rad: 0 where equal at radius 0, else inf there.

    `index` is where `used` is attained; `outside` counts the elements beyond their radius.
    """

    used: float
    index: tuple[int, ...]
    observed: float
    mid: float
    rad: float
    outside: int
    size: int

    @property
    def ok(self) -> bool:
        """Tell whether every element lies inside."""
        return self.outside == 0

    def require(self, case: Case, name: str = "output") -> None:
        """Raise `ValueViolation` unless every element lies inside its enclosure."""
        if self.ok:
            return
        what = {"output": "y", "input": "grad_input", "weight": "grad_weight", "bias": "grad_bias"}
        where = f"{what[name]}{list(self.index)} = {self.observed!r}"
        radius = "radius = gamma(n) * sum |x||w|, n nonzero terms"
        raise ValueViolation(
            f"{where} {_allowed(self)}", case, {**_counts(self), "oracle": f"reference, {radius}"}
        )

    def require_relation(
        self, case: Case, relation: str, check: Mapping[str, object] | None = None
    ) -> None:
        """Raise `RelationViolation` unless the two sides agree; `mid` is the other side."""
        if self.ok:
            return
        allowed = f"the sum of their radii is {self.rad:.3g}" if self.rad else "both are exact"
        title = (
            f"{relation}: {self.observed!r} against {self.mid!r} at {list(self.index)}; {allowed}"
        )
        raise RelationViolation(title, case, _counts(self), check)


def judge(observed: Float64, enclosure: Enclosure) -> Verdict:
    """Compare an observed array with its enclosure, elementwise; a NaN is never inside."""
    mid, rad = enclosure.mid, enclosure.rad
    if observed.shape != mid.shape:
        raise ValueError(f"`observed` has shape {observed.shape}, the enclosure has {mid.shape}")
    if observed.size == 0:
        return Verdict(0.0, (), 0.0, 0.0, 0.0, 0, 0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.where(observed == mid, 0.0, np.abs(observed - mid))
        # An infinite radius claims nothing, so nothing of it is used.
        share = np.where((error == 0.0) | (rad == np.inf), 0.0, error / rad)
    share = np.where(np.isnan(error), np.inf, share)  # a NaN is never inside
    worst = int(np.argmax(share))
    # Among equals at infinity the largest error says more than the first one.
    if np.isinf(share.flat[worst]):
        worst = int(np.argmax(np.where(np.isinf(share), np.nan_to_num(error, nan=np.inf), -1.0)))
    index = tuple(int(i) for i in np.unravel_index(worst, share.shape))
    return Verdict(
        used=float(share.max()),
        index=index,
        observed=float(observed.flat[worst]),
        mid=float(mid.flat[worst]),
        rad=float(rad.flat[worst]),
        outside=int(np.count_nonzero(~(error <= rad))),
        size=observed.size,
    )


def _allowed(verdict: Verdict) -> str:
    if verdict.rad == 0.0:
        return f"is not {verdict.mid!r}, the exact value"
    low, high = verdict.mid - verdict.rad, verdict.mid + verdict.rad
    times = f"{verdict.used:.3g} x the allowed radius {verdict.rad:.3g}"
    return f"lies outside [{low!r}, {high!r}] ({times})"


def _counts(verdict: Verdict) -> dict[str, str]:
    shown = "; the worst is shown" if verdict.outside > 1 else ""
    return {"outside": f"{verdict.outside} of {verdict.size} elements{shown}"}
