"""What infinities and NaN among the operands make of each result, by IEEE 754.

A product with a NaN is a NaN, and so is infinity times zero; infinity times any other number is an
infinity with the sign of both. A sum with a NaN, or with infinities of both signs, is a NaN;
one with infinities of one sign is that infinity; any other does not see them and is the sum of its
finite terms. This holds in every order of summation, with or without FMA, as long as no partial sum
of the finite terms overflows: then no infinity arises on the way that the terms do not have.

Two things are left open, and told by a reading: whether zeros in the data are multiplied by
infinities and NaN, or skipped; and whether the zeros of the padding are. One holds for a whole
result. Of complex products each part sees both parts of either factor, some ways with other signs
than others: all that is required is that no part of what sees them is finite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from properties.case import Case, Tensor
from properties.expect import enclose
from properties.sight import READINGS, Reading, Sight, sight
from reference import Arithmetic, Enclosure, Modular

Readings = dict[Reading, Enclosure]


def enclosures(case: Case, name: str, arithmetic: Arithmetic | Modular) -> Readings:
    """Return the enclosure of one result, by the readings in which they differ."""
    if case.is_finite:
        return {READINGS[0]: enclose(case, name, arithmetic)}
    seen, lay = sight(case, name), _laid(case, name, arithmetic)
    return {each: lay(seen.read(each)) for each in READINGS if seen.differs(each)}


def told(met: Reading, possible: Iterable[Reading]) -> list[str]:
    """Return what the first reading that holds says of an implementation that could differ."""
    texts = []
    for part, times in met._asdict().items():
        if any(getattr(other, part) != times for other in possible):
            what = {"zeros": "zeros in the data"}.get(part, f"{part} of padding")
            texts.append(
                f"{what} are {'multiplied by' if times else 'skipped at'} infinities and NaN"
            )
    return texts


def _laid(case: Case, name: str, arithmetic: Arithmetic | Modular) -> Callable[[Sight], Enclosure]:
    """Return what lays infinities and NaN over the enclosure of the finite terms."""
    finite = {
        key: Tensor.of(np.where(np.isfinite(values), values, 0), case.tensors[key].layout)
        for key, values in case.arrays.items()
    }
    ball = enclose(case.replace(**finite), name, arithmetic)
    wild = ball.may_overflow  # to an infinity that may meet one of the other sign
    if isinstance(arithmetic, Arithmetic) and arithmetic.algorithm != "direct":
        # Whatever shares a tile or plane with an infinity may become one, of any sign, or a NaN.
        wild = wild | ~np.isfinite(enclose(case, name, arithmetic).rad)
    is_complex = np.iscomplexobj(ball.mid)

    def lay(of: Sight) -> Enclosure:
        seen = of.nan | of.up | of.down
        loose = seen & (wild | is_complex)
        mid, rad = ball.mid.copy(), np.where(seen, 0.0, ball.rad)
        mid[of.up], mid[of.down] = np.inf, -np.inf
        mid[of.nan | loose] = complex(np.nan, np.nan) if is_complex else np.nan
        rad[of.unclear & ~seen] = np.inf
        return Enclosure(
            mid,
            rad,
            None,
            ball.overflow,
            wild | loose | of.unclear | (of.either & ~of.nan),
        )

    return lay
