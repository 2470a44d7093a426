"""The enclosure of a convolution and of each gradient in a declared arithmetic.

Operands are real or complex and taken to be numbers of the arithmetic's output format; of a
`Modular` arithmetic they are integers. Midpoints are float64 sums; of an accumulator as precise as
those the exact sums, rounded once, unless the operands span too many binades. A ValueError for what
the functions of the same name without `enclose_` refuse, and for operands of the other kind.
Gradients of complex operands are torch's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from reference.arguments import ArrayLike
from reference.arithmetic import Arithmetic
from reference.assembly import enclose_map, enclose_sum
from reference.bilinear import Bilinear
from reference.calls import bias_call, forward_call, input_call, weight_call
from reference.convolution import conv2d
from reference.enclosure import Enclosure
from reference.exact_complex import accumulate_complex, correlate_complex, scatter_complex
from reference.exact_contractions import accumulate_exactly, correlate_exactly, scatter_exactly
from reference.gradients import conv2d_bias, conv2d_input, conv2d_weight
from reference.integers import Modular
from reference.params import Conv2dParams, IntOrPair, Padding

COPIES = 6  # midpoint, magnitude, that of converted operands, number of products, two radii


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
    arithmetic: Arithmetic | Modular,
) -> Enclosure:
    """Return every value that a convolution in this arithmetic may return: (N, Cout, OH, OW)."""
    rest = (stride, padding, dilation, groups, padding_mode)
    if isinstance(arithmetic, Modular):
        return arithmetic.enclose(conv2d(input, weight, bias, *rest))
    params = Conv2dParams(*rest)
    geometry, (x, w, *b) = forward_call(input, weight, bias, params, copies=COPIES, as_floats=True)
    offset = b[0][:, None, None] if b else None
    contract = correlate_complex if np.iscomplexobj(x) else correlate_exactly
    exactly = partial(contract, x, w, b[0] if b else None, geometry)
    found = enclose_map(Bilinear(geometry, "output"), x, w, arithmetic, exactly, offset)
    return found if geometry.is_batched else found[0]


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
    arithmetic: Arithmetic | Modular,
) -> Enclosure:
    """Return every value that the gradient of the input may take: of shape `input_size`."""
    rest = (stride, padding, dilation, groups, padding_mode)
    if isinstance(arithmetic, Modular):
        return arithmetic.enclose(conv2d_input(input_size, weight, grad_output, *rest))
    params = Conv2dParams(*rest)
    geometry, (w, gy) = input_call(
        input_size, weight, grad_output, params, copies=COPIES, as_floats=True
    )
    contract = scatter_complex if np.iscomplexobj(w) else scatter_exactly
    exactly = partial(contract, w, gy, geometry)
    found = enclose_map(Bilinear(geometry, "input"), w.conj(), gy, arithmetic, exactly)
    return found if geometry.is_batched else found[0]


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
    arithmetic: Arithmetic | Modular,
) -> Enclosure:
    """Return every value that the gradient of the weight may take: of shape `weight_size`."""
    rest = (stride, padding, dilation, groups, padding_mode)
    if isinstance(arithmetic, Modular):
        return arithmetic.enclose(conv2d_weight(input, weight_size, grad_output, *rest))
    params = Conv2dParams(*rest)
    geometry, (x, gy) = weight_call(
        input, weight_size, grad_output, params, copies=COPIES, as_floats=True
    )
    contract = accumulate_complex if np.iscomplexobj(x) else accumulate_exactly
    exactly = partial(contract, x, gy, geometry)
    return enclose_map(Bilinear(geometry, "weight"), x.conj(), gy, arithmetic, exactly)


def enclose_conv2d_bias(grad_output: ArrayLike, *, arithmetic: Arithmetic | Modular) -> Enclosure:
    """Return every value that the gradient of the bias may take, a sum over all but channels."""
    if isinstance(arithmetic, Modular):
        return arithmetic.enclose(conv2d_bias(grad_output))
    gy = bias_call(grad_output, copies=COPIES, as_floats=True)
    return enclose_sum(gy, arithmetic)
