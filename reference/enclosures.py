"""The enclosure of a convolution and of each gradient, for kernels that sum the products directly.

Direct means: any order, blocking, splitting or fusing of the definition's own sums. Operands are
taken to be numbers of the declared arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reference.arguments import Array, ArrayLike, FloatArray
from reference.arithmetic import Arithmetic
from reference.calls import bias_call, forward_call, input_call, weight_call
from reference.contractions import accumulate, correlate_magnitudes, scatter
from reference.enclosure import Enclosure, direct_radius, exact_outputs
from reference.padding import fold_array
from reference.params import Conv2dParams, IntOrPair, Padding
from reference.terms import forward_terms, input_terms, weight_terms

COPIES = 4  # midpoint, magnitude, number of products, radius


def enclose_conv2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    *,
    arithmetic: Arithmetic,
) -> Enclosure:
    """Return every value that a direct convolution in this arithmetic may return."""
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (x, w, *b) = forward_call(input, weight, bias, params, copies=COPIES, as_floats=True)
    mid, magnitude = correlate_magnitudes(x, w, geometry)
    addends: Array | int = 0
    if b:
        offset = b[0][:, None, None]
        with np.errstate(all="ignore"):
            mid += offset
            magnitude += np.abs(offset)
        addends = (offset != 0).astype(np.int64)

    def products() -> Array:
        return forward_terms(x, w, geometry)

    found = _enclose(mid, magnitude, arithmetic, [x, w], b, products=products, addends=addends)
    return found if geometry.is_batched else Enclosure(found.mid[0], found.rad[0])


def enclose_conv2d_input(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    *,
    arithmetic: Arithmetic,
) -> Enclosure:
    """Return every value that a direct gradient with respect to the input may return."""
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (w, gy) = input_call(
        input_size, weight, grad_output, params, copies=COPIES, as_floats=True
    )
    with np.errstate(all="ignore"):
        mid, magnitude = (
            fold_array(scatter(f(w), f(gy), geometry), geometry.pads, padding_mode)
            for f in (np.positive, np.abs)
        )

    def products() -> Array:
        return input_terms(w, gy, geometry)

    found = _enclose(mid, magnitude, arithmetic, [w, gy], products=products)
    return found if geometry.is_batched else Enclosure(found.mid[0], found.rad[0])


def enclose_conv2d_weight(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    *,
    arithmetic: Arithmetic,
) -> Enclosure:
    """Return every value that a direct gradient with respect to the weight may return."""
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (x, gy) = weight_call(
        input, weight_size, grad_output, params, copies=COPIES, as_floats=True
    )
    mid, magnitude = (accumulate(f(x), f(gy), geometry) for f in (np.positive, np.abs))

    def products() -> Array:
        return weight_terms(x, gy, geometry)

    return _enclose(mid, magnitude, arithmetic, [x, gy], products=products)


def enclose_conv2d_bias(grad_output: ArrayLike, *, arithmetic: Arithmetic) -> Enclosure:
    """Return every value that a sum over batch, rows and columns in this arithmetic may return."""
    gy = bias_call(grad_output, copies=COPIES, as_floats=True)
    with np.errstate(all="ignore"):
        mid, magnitude = gy.sum((0, 2, 3)), np.abs(gy).sum((0, 2, 3))
    addends = (gy != 0).sum((0, 2, 3))

    def products() -> Array:
        return np.zeros_like(addends)

    return _enclose(mid, magnitude, arithmetic, [], [gy], products=products, addends=addends)


def _enclose(
    mid: FloatArray,
    magnitude: FloatArray,
    arithmetic: Arithmetic,
    factors: Sequence[FloatArray],
    extra: Sequence[FloatArray] = (),
    *,
    products: Callable[[], Array],
    addends: Array | int = 0,
) -> Enclosure:
    """Return the enclosure; counts products only where some output is not exact."""
    exact = exact_outputs(magnitude, factors, extra, arithmetic)
    if exact.all():
        return Enclosure(mid, np.zeros_like(mid))
    radius = direct_radius(products(), addends, magnitude, arithmetic)
    radius[exact] = 0
    return Enclosure(mid, radius)
