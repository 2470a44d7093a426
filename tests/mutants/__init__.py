"""Broken implementations of conv2d, one defect each, and what must kill them.

`MUTANTS` is plain data: importing it imports no torch. The mutants themselves are in the modules
that their targets name.
"""

from __future__ import annotations

from tests.mutants import (
    list_asked,
    list_backward,
    list_behaviour,
    list_calls,
    list_edges,
    list_empty,
    list_errors,
    list_extents,
    list_gaps,
    list_geometry,
    list_gradients,
    list_grouping,
    list_kernels,
    list_layouts,
    list_modules,
    list_numerics,
    list_paths,
    list_reported_channels,
    list_reported_geometry,
    list_reported_gradients,
    list_reported_numbers,
    list_reported_tails,
    list_special,
    list_stale,
    list_values,
)
from tests.mutants.catalogue import CLASSES, PROPERTIES, Call, Mutant
from tests.mutants.list_survivors import SURVIVORS

MUTANTS: tuple[Mutant, ...] = (
    *list_geometry.GEOMETRY,
    *list_kernels.KERNELS,
    *list_grouping.GROUPING,
    *list_numerics.NUMERICS,
    *list_gradients.GRADIENT,
    *list_extents.EXTENTS,
    *list_empty.EXTENTS_OF_ZERO,
    *list_edges.EDGES,
    *list_special.SPECIAL,
    *list_behaviour.MEMORY,
    *list_behaviour.STATE,
    *list_stale.STALE,
    *list_modules.MODULES,
    *list_layouts.LAYOUTS,
    *list_paths.PATHS,
    *list_backward.BACKWARD,
    *list_calls.CACHES,
    *list_calls.MODES,
    *list_asked.ASKED_OTHERWISE,
    *list_values.ROUNDING,
    *list_values.VALIDATION,
    *list_errors.ERRORS,
    *list_reported_geometry.REPORTED_GEOMETRY,
    *list_reported_channels.REPORTED_CHANNELS,
    *list_reported_tails.REPORTED_TAILS,
    *list_reported_gradients.REPORTED_GRADIENTS,
    *list_reported_numbers.REPORTED_NUMBERS,
    *list_gaps.GAPS,
)

__all__ = ["CLASSES", "MUTANTS", "PROPERTIES", "SURVIVORS", "Call", "Mutant"]
