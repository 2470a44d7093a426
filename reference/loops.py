"""The definition: a convolution and its gradients as plain loops over every product.

What everything else is tested against. The index of the padded input under tap (u, v) of output
(i, j) is (i * stride + u * dilation, j * stride + v * dilation), axis by axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from reference.arguments import Array, ArrayLike, check_memory, convert, read
from reference.calls import bias_call, forward_call, input_call, weight_call
from reference.geometry import Geometry
from reference.padding import pad_array, source_map
from reference.params import Conv2dParams, IntOrPair, Padding


def corr2d(x: ArrayLike, k: ArrayLike) -> Array:
    """Return the cross-correlation of one plane with one kernel: (H - KH + 1, W - KW + 1)."""
    operands = [read("x", x), read("k", k)]
    for name, _, shape, *_ in operands:
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"`{name}` of shape {shape} is not a matrix")
    (height, width), (kh, kw) = operands[0].shape, operands[1].shape
    if kh > height or kw > width:
        raise ValueError(f"`k` of shape {(kh, kw)} is larger than `x` of shape {(height, width)}")
    check_memory(16 * (height * width + kh * kw), f"`x` of shape {(height, width)}")
    x, k = convert(operands)
    y = np.zeros((height - kh + 1, width - kw + 1), x.dtype)
    with np.errstate(all="ignore"):
        for i, j in np.ndindex(y.shape):
            for u, v in np.ndindex(k.shape):
                y[i, j] += x[i + u, j + v] * k[u, v]
    return y


def conv2d_loops(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Array:
    """Return the convolution by its definition.

    y[n, o, i, j] = bias[o] + sum over c, u, v of weight[o, c, u, v] * padded[n, g(o, c), p, q],
    where g(o, c) is channel c of the group of o and (p, q) is under tap (u, v) of output (i, j).
    """
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (x, w, *b) = forward_call(input, weight, bias, params)
    x = pad_array(x, geometry.pads, geometry.padding_mode)
    y = np.zeros(geometry.output_shape, x.dtype)
    with np.errstate(all="ignore"):
        for n, o, i, j in np.ndindex(y.shape):
            for c, u, v, channel, p, q in _taps(geometry, o, i, j):
                y[n, o, i, j] += w[o, c, u, v] * x[n, channel, p, q]
            if b:
                y[n, o, i, j] += b[0][o]
    return y.reshape(geometry.as_given(y.shape))


def conv2d_input_loops(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Array:
    """Return the gradient with respect to the input by its definition.

    Every product of the convolution sends weight * grad_output to the input element that it read;
    a padded copy sends it to the element that it repeats, and a padding zero nowhere. Of complex
    operands it sends conj(weight) * grad_output.
    """
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (w, gy) = input_call(input_size, weight, grad_output, params)
    w = w.conj()
    rows = source_map(geometry.size[0], geometry.pads[0], padding_mode)
    columns = source_map(geometry.size[1], geometry.pads[1], padding_mode)
    gx = np.zeros(geometry.input_shape, w.dtype)
    with np.errstate(all="ignore"):
        for n, o, i, j in np.ndindex(gy.shape):
            for c, u, v, channel, p, q in _taps(geometry, o, i, j):
                if rows[p] >= 0 and columns[q] >= 0:
                    gx[n, channel, rows[p], columns[q]] += w[o, c, u, v] * gy[n, o, i, j]
    return gx.reshape(geometry.as_given(gx.shape))


def conv2d_weight_loops(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Array:
    """Return the gradient with respect to the weight by its definition.

    Every product of the convolution sends padded input * grad_output to the weight that it used;
    of complex operands, the conjugate of the input.
    """
    params = Conv2dParams(stride, padding, dilation, groups, padding_mode)
    geometry, (x, gy) = weight_call(input, weight_size, grad_output, params)
    x = pad_array(x.conj(), geometry.pads, geometry.padding_mode)
    gw = np.zeros(geometry.weight_shape, x.dtype)
    with np.errstate(all="ignore"):
        for n, o, i, j in np.ndindex(gy.shape):
            for c, u, v, channel, p, q in _taps(geometry, o, i, j):
                gw[o, c, u, v] += x[n, channel, p, q] * gy[n, o, i, j]
    return gw


def conv2d_bias_loops(grad_output: ArrayLike) -> Array:
    """Return the gradient with respect to the bias: the sum over batch, rows and columns."""
    gy = bias_call(grad_output)
    gb = np.zeros(gy.shape[1], gy.dtype)
    with np.errstate(all="ignore"):
        for n, o, i, j in np.ndindex(gy.shape):
            gb[o] += gy[n, o, i, j]
    return gb


def _taps(
    geometry: Geometry, o: int, i: int, j: int
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Yield (c, u, v) of the weight, and (channel, row, column) of the padded input it meets."""
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    _, channels, kh, kw = geometry.weight_shape
    group = o // (geometry.out_channels // geometry.groups)
    for c, u, v in np.ndindex(channels, kh, kw):
        yield c, u, v, group * channels + c, i * sh + u * dh, j * sw + v * dw
