"""Exact sums of complex products, as real sums of twice the length.

Each part of a complex product is a sum of two real products: (a b) has the real part
[ar, ai] . [br, -bi] and the imaginary part [ar, ai] . [bi, br]. So the axis that is summed over
is doubled, and the real contractions do the rest. Gradients are torch's: of the conjugate operand.
"""

from __future__ import annotations

import numpy as np

from reference.arguments import Array, FloatArray
from reference.exact_contractions import (
    accumulate_exactly,
    correlate_exactly,
    scatter_exactly,
    sum_exactly,
)
from reference.geometry import Geometry


def correlate_complex(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Return the output of an unpadded input."""
    bias = np.zeros(geometry.out_channels, np.complex128) if bias is None else bias
    double = geometry._replace(in_channels=2 * geometry.in_channels)
    both = _side_by_side(x.real, x.imag, geometry.groups, 1)
    first, second = (np.concatenate(p, axis=1) for p in ((w.real, -w.imag), (w.imag, w.real)))
    return joined(
        correlate_exactly(both, first, np.ascontiguousarray(bias.real), double),
        correlate_exactly(both, second, np.ascontiguousarray(bias.imag), double),
    )


def scatter_complex(w: Array, gy: Array, geometry: Geometry) -> Array:
    """Return the gradient with respect to the unpadded input: of conj(weight)."""
    double = geometry._replace(out_channels=2 * geometry.out_channels)
    both = _side_by_side(gy.real, gy.imag, geometry.groups, 1)
    first = _side_by_side(w.real, w.imag, geometry.groups, 0)
    second = _side_by_side(-w.imag, w.real, geometry.groups, 0)
    return joined(scatter_exactly(first, both, double), scatter_exactly(second, both, double))


def accumulate_complex(x: Array, gy: Array, geometry: Geometry) -> Array:
    """Return the gradient with respect to the weight: of conj(input)."""
    double = geometry._replace(batch=2 * geometry.batch)
    both = np.concatenate([x.real, x.imag])
    first, second = (np.concatenate(p) for p in ((gy.real, gy.imag), (gy.imag, -gy.real)))
    return joined(accumulate_exactly(both, first, double), accumulate_exactly(both, second, double))


def joined(real: FloatArray, imag: FloatArray) -> Array:
    """Return the complex array of two parts; unlike real + 1j * imag, of infinite ones too."""
    result = np.empty(real.shape, np.complex128)
    result.real, result.imag = real, imag
    return result


def sum_complex(gy: Array) -> Array:
    """Return the gradient with respect to the bias."""
    return joined(sum_exactly(gy.real), sum_exactly(gy.imag))


def _side_by_side(first: Array, second: Array, groups: int, axis: int) -> FloatArray:
    """Return the channels of each group, along an axis, from both arrays."""
    before, channels, after = first.shape[:axis], first.shape[axis], first.shape[axis + 1 :]
    grouped = [a.reshape(*before, groups, channels // groups, *after) for a in (first, second)]
    both: FloatArray = np.concatenate(grouped, axis=axis + 1)
    return both.reshape(*before, 2 * channels, *after)
