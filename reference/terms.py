"""How many nonzero products feed each element of an output or a gradient.

Without zeros in the data this is a matter of geometry, and a product of rows and columns; with
zeros, the contraction of the indicators. Products with padding zeros do not count.
"""

from __future__ import annotations

import numpy as np

from reference.arguments import Array, FloatArray
from reference.contractions import accumulate, correlate, scatter
from reference.geometry import Geometry
from reference.padding import fold_array


def forward_terms(x: FloatArray, w: FloatArray, geometry: Geometry) -> Array:
    """Return the number of nonzero products of each output, of a shape that broadcasts to it."""
    if not (x.all() and w.all()):
        return correlate(_indicator(x), _indicator(w), geometry)
    rows, columns = ((geometry.sources(axis) >= 0).sum(1) for axis in (0, 1))
    channels = geometry.in_channels // geometry.groups
    counts: Array = channels * np.multiply.outer(rows, columns)
    return counts


def input_terms(w: FloatArray, gy: FloatArray, geometry: Geometry) -> Array:
    """Return the number of nonzero products of each element of the input's gradient."""
    if not (w.all() and gy.all()):
        padded = scatter(_indicator(w), _indicator(gy), geometry)
        return fold_array(padded, geometry.pads, geometry.padding_mode)
    return input_counts(geometry)


def input_counts(geometry: Geometry) -> Array:
    """Return the number of products, zero or not, of each element of the input's gradient."""
    hits: list[Array] = []
    for axis in (0, 1):
        sources = geometry.sources(axis)
        hits.append(np.bincount(sources[sources >= 0], minlength=geometry.size[axis]))
    channels = geometry.out_channels // geometry.groups
    counts: Array = channels * np.multiply.outer(hits[0], hits[1])
    return counts


def weight_terms(x: FloatArray, gy: FloatArray, geometry: Geometry) -> Array:
    """Return the number of nonzero products of each element of the weight's gradient."""
    if not (x.all() and gy.all()):
        return accumulate(_indicator(x), _indicator(gy), geometry)
    rows, columns = ((geometry.sources(axis) >= 0).sum(0) for axis in (0, 1))
    counts: Array = geometry.batch * np.multiply.outer(rows, columns)
    return counts


def _indicator(array: FloatArray) -> FloatArray:
    """Return 1.0 where the array is nonzero."""
    return np.not_equal(array, 0).astype(np.float64)
