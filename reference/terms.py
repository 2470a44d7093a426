"""How many nonzero products feed each element of an output or a gradient, and in how many parts.

Without zeros in the data this is a matter of geometry, and a product of rows and columns; with
zeros, the contraction of the indicators. Products with padding zeros do not count.
"""

from __future__ import annotations

import numpy as np

from reference.arguments import Array, FloatArray
from reference.arithmetic import Stores
from reference.contractions import accumulate, correlate, scatter
from reference.geometry import Geometry
from reference.padding import fold_array, source_map


def forward_terms(x: Array, w: Array, geometry: Geometry) -> Array:
    """Return the number of nonzero products of each output, of a shape that broadcasts to it."""
    if not (x.all() and w.all()):
        return correlate(_indicator(x), _indicator(w), geometry)
    rows, columns = ((geometry.sources(axis) >= 0).sum(1) for axis in (0, 1))
    channels = geometry.in_channels // geometry.groups
    counts: Array = channels * np.multiply.outer(rows, columns)
    return counts


def input_terms(w: Array, gy: Array, geometry: Geometry) -> Array:
    """Return the number of nonzero products of each element of the input's gradient."""
    if not (w.all() and gy.all()):
        padded = scatter(_indicator(w), _indicator(gy), geometry)
        return fold_array(padded, geometry.pads, geometry.padding_mode)
    return input_counts(geometry)


def input_counts(geometry: Geometry) -> Array:
    """Return the number of products, zero or not, of each element of the input's gradient."""
    hits = [_count(geometry.sources(axis), geometry.size[axis]) for axis in (0, 1)]
    channels = geometry.out_channels // geometry.groups
    counts: Array = channels * np.multiply.outer(hits[0], hits[1])
    return counts


def weight_terms(x: Array, gy: Array, geometry: Geometry) -> Array:
    """Return the number of nonzero products of each element of the weight's gradient."""
    if not (x.all() and gy.all()):
        return accumulate(_indicator(x), _indicator(gy), geometry)
    rows, columns = ((geometry.sources(axis) >= 0).sum(0) for axis in (0, 1))
    counts: Array = geometry.batch * np.multiply.outer(rows, columns)
    return counts


def stored_parts(role: str, stores: Stores, geometry: Geometry) -> Array:
    """Return how many parts of each element's sum are stored one by one; infinity is every product.

    The gradient of a padded input is stored before copies of one pixel are added together.
    """
    if stores == "any":
        return np.array(np.inf)
    if role == "weight":
        return np.array(geometry.batch if stores == "images" else 1)
    taps: list[Array] = []
    copies: list[Array] = []
    for axis in (0, 1):
        sources, size = geometry.sources(axis), geometry.size[axis]
        reads = (sources >= 0).sum(1) if role == "output" else _count(sources, size)
        taps.append(reads)
        copies.append(_count(source_map(size, geometry.pads[axis], geometry.padding_mode), size))
    if stores == "taps":
        return np.multiply.outer(taps[0], taps[1])
    return np.multiply.outer(copies[0], copies[1]) if role == "input" else np.array(1)


def _count(sources: Array, size: int) -> Array:
    """Return how often each row (column) of the input occurs."""
    return np.bincount(sources[sources >= 0], minlength=size)


def _indicator(array: Array) -> FloatArray:
    """Return 1.0 where the array is nonzero."""
    return np.not_equal(array, 0).astype(np.float64)
