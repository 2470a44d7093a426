"""Broken implementations of conv2d, one defect each, and what must kill them.

`MUTANTS` is plain data: importing it imports no torch. The mutants themselves are in the modules
that their targets name.
"""

from __future__ import annotations

from tests.mutants import (
    list_asked,
    list_behaviour,
    list_errors,
    list_extents,
    list_geometry,
    list_gradients,
    list_grouping,
    list_special,
    list_stale,
)
from tests.mutants.catalogue import PROPERTIES, Call, Mutant

MUTANTS: tuple[Mutant, ...] = (
    *list_geometry.GEOMETRY,
    *list_geometry.KERNELS,
    *list_grouping.GROUPING,
    *list_grouping.NUMERICS,
    *list_gradients.GRADIENT,
    *list_extents.EXTENTS,
    *list_special.SPECIAL,
    *list_behaviour.MEMORY,
    *list_behaviour.STATE,
    *list_stale.STALE,
    *list_behaviour.MODULES,
    *list_errors.ERRORS,
    *list_asked.ASKED_OTHERWISE,
)

__all__ = ["MUTANTS", "PROPERTIES", "Call", "Mutant"]
