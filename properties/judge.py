"""The verdict: whether every element is inside its enclosure, and the share of the radius used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from properties.case import GRADIENTS, Case
from properties.dtypes import Exact
from properties.values import Float64
from properties.violations import PoisonViolation, RelationViolation, ValueViolation
from reference import Enclosure


@dataclass(frozen=True)
class Verdict:
    """What `judge` found. `used` is max |y - mid| / rad: 0 where equal at radius 0, else inf there.

    `index` is where `used` is attained; `outside` counts the elements beyond their radius,
    `unlikely` those inside it that the probabilistic bound would hardly allow: worth a warning.
    """

    used: float
    index: tuple[int, ...]
    observed: complex
    mid: complex
    rad: float
    outside: int
    size: int
    unlikely: int = 0

    @property
    def ok(self) -> bool:
        """Tell whether every element lies inside."""
        return self.outside == 0

    def place(self, name: str) -> str:
        """Return the element that is shown, and its value."""
        what = "y" if name == "output" else f"grad_{name}" if name in GRADIENTS else name
        return f"{what}{list(self.index)} = {self.observed!r}"

    def require(self, case: Case, name: str = "output") -> None:
        """Raise `ValueViolation` unless every element lies inside its enclosure.

        Where operands hold infinities or NaN it is a `PoisonViolation`.
        """
        if self.ok:
            return
        where = self.place(name)
        radius = "radius = gamma(n) * sum |x||w|, n nonzero terms"
        facts = {**_counts(self), "oracle": f"reference, {radius}"}
        if case.is_finite:
            raise ValueViolation(f"{where} {_allowed(self)}", case, facts)
        raise PoisonViolation(f"{where} {_seen(self)}", case, facts | {"oracle": "IEEE 754"})

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


Key = TypeVar("Key")


def judge_readings(observed: Exact, balls: Mapping[Key, Enclosure]) -> tuple[Key, Verdict]:
    """Return the first reading whose enclosure holds every element; without one the very first."""
    verdicts = {key: judge(observed, ball) for key, ball in balls.items()}
    found = [pair for pair in verdicts.items() if pair[1].ok]
    return next(iter([*found, *verdicts.items()]))


def judge(observed: Float64, enclosure: Enclosure) -> Verdict:
    """Compare an observed array with its enclosure, elementwise; a NaN is never inside."""
    mid, rad = enclosure.mid, enclosure.rad
    if observed.shape != mid.shape:
        raise ValueError(f"`observed` has shape {observed.shape}, the enclosure has {mid.shape}")
    if observed.size == 0:
        return Verdict(0.0, (), 0.0, 0.0, 0.0, 0, 0)
    inside = enclosure.contains(observed)
    error = distance(observed, mid)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # An infinite radius claims nothing, so nothing of it is used; nor of a NaN's.
        unused = (error == 0.0) | (rad == np.inf) | ~np.isfinite(error)
        share = np.where(unused, 0.0, error / rad)
    share = np.where(inside, share, np.inf)
    worst = int(np.argmax(share))
    # Among those outside the largest error says more than the first one.
    if not inside.all():
        worst = int(np.argmax(np.where(inside, -1.0, np.nan_to_num(error, nan=np.inf))))
    index = tuple(int(i) for i in np.unravel_index(worst, share.shape))
    return Verdict(
        used=float(share.max()) if inside.all() else _excess(error[index], rad[index]),
        index=index,
        observed=observed[index].item(),
        mid=mid[index].item(),
        rad=float(rad[index]),
        outside=int(np.count_nonzero(~inside)),
        size=observed.size,
        unlikely=_unlikely(error, inside, enclosure),
    )


def _excess(error: float, radius: float) -> float:
    """Return how many radii an element outside is away; infinitely many at radius 0, or if NaN."""
    with np.errstate(over="ignore"):
        return float(error / radius) if radius > 0 and not np.isnan(error) else np.inf


def distance(observed: Exact, mid: Exact) -> Float64:
    """Return |observed - mid|, of complex numbers the larger of both parts'."""
    with np.errstate(invalid="ignore", over="ignore"):
        if np.iscomplexobj(mid):
            parts = [distance(observed.real, mid.real), distance(observed.imag, mid.imag)]
            return np.maximum(*parts)
        # As float64 a difference of int64 may round to zero, but never wraps.
        error = np.abs(observed.astype(np.float64) - mid.astype(np.float64))
        least = 1.0 if mid.dtype == np.int64 else 0.0
        return np.where(observed == mid, 0.0, np.where(error < least, least, error))


def _unlikely(error: Float64, inside: npt.NDArray[np.bool_], enclosure: Enclosure) -> int:
    """Count the elements inside their radius and beyond the one that random data exceed rarely."""
    if enclosure.probable is None:
        return 0
    return int(np.count_nonzero(inside & np.isfinite(error) & (error > enclosure.probable)))


def _allowed(verdict: Verdict) -> str:
    if verdict.rad == 0.0:
        return f"is not {verdict.mid!r}, the exact value"
    times = f"{verdict.used:.3g} x the allowed radius {verdict.rad:.3g}"
    if isinstance(verdict.mid, complex):
        return f"lies outside {verdict.mid!r} +- {verdict.rad:.3g} in either part ({times})"
    low, high = verdict.mid - verdict.rad, verdict.mid + verdict.rad
    return f"lies outside [{low!r}, {high!r}] ({times})"


def _seen(verdict: Verdict) -> str:
    """Return what IEEE 754 requires of an element where operands hold infinities or NaN."""
    if np.isfinite(verdict.mid):
        return f"sees no infinity or NaN, and {_allowed(verdict)}"
    return f"is not {verdict.mid!r}, which the infinities and NaN that it sees make it"


def _counts(verdict: Verdict) -> dict[str, str]:
    shown = "; the worst is shown" if verdict.outside > 1 else ""
    return {"outside": f"{verdict.outside} of {verdict.size} elements{shown}"}
