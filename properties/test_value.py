"""The definition itself: every value is the one that the loops give, and comes as it should."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from properties.case import Case, Tensor
from properties.classes import direct
from properties.drafts import INTEGRAL
from properties.dtypes import Exact
from properties.expect import enclose
from properties.relations import computed, true_convolution
from properties.strategies import cases
from properties.subject import Subject
from reference import Enclosure, Modular
from reference.contractions import magnitude

FORWARD = ("forward",)


@given(case=cases(passes=FORWARD))
def test_value_lies_in_its_enclosure(conv2d: Subject, case: Case) -> None:
    """|y - mid| <= rad for every output, with mid and rad from the oracle.

    y[n, o, i, j] = bias[o] + sum over c, p, q of
    weight[o, c, p, q] * padded[n, c', i * stride + p * dilation, j * stride + q * dilation].
    """
    conv2d.check(case)


@given(case=cases(values=INTEGRAL, passes=FORWARD))
def test_integers_are_exact(conv2d: Subject, case: Case) -> None:
    """On integers (times one power of two) whose sums fit the significand, y equals the sum.

    Whatever the order of summation, the blocking or the use of FMA: radius 0, bit for bit.
    """
    conv2d.check(case)
    arithmetic = direct(conv2d.implementation.arithmetic(case.dtype))
    if isinstance(arithmetic, Modular) or arithmetic.stores == "none":
        assert not np.any(enclose(case, "output", arithmetic).rad), "the sums drawn are not exact"


@given(case=cases())
def test_output_has_the_defined_shape_dtype_and_device(conv2d: Subject, case: Case) -> None:
    """The output is (N, Cout, OH, OW), OH = floor((H + pads - dilation (KH - 1) - 1) / stride) + 1.

    Output and gradients have the dtype and the device of the operands, gradients their shape.
    """
    conv2d.run(case)


def matrix_product(pixels: Exact, weight: Exact, bias: Exact | None) -> Enclosure:
    """Return weight @ pixels + bias over the channels, with the float64 errors of that sum."""
    matrix, terms = weight[:, :, 0, 0], weight.shape[1] + 1
    mid = np.einsum("oc,...chw->...ohw", matrix, pixels)
    size = np.einsum("oc,...chw->...ohw", magnitude(matrix), magnitude(pixels))
    if bias is not None:
        offset = bias[:, None, None]
        mid, size = mid + offset, size + magnitude(offset)
    return computed(mid, size, terms)


@given(case=cases(kernel=("1x1",), groups=("1",), padding=("0", "valid"), passes=FORWARD))
def test_pointwise_is_a_matrix_product(conv2d: Subject, case: Case) -> None:
    """A 1x1 convolution is a matrix product over channels: a Linear layer at every pixel."""
    step = case.params.stride
    pixels = case.arrays["input"][..., :: step[0], :: step[1]]
    product = matrix_product(pixels, case.arrays["weight"], case.arrays.get("bias"))
    relation = "conv2d(x, 1x1 weight) is not weight @ x"
    conv2d.require_equal(case, relation, conv2d.measure(case), product)


@given(case=cases(padding_mode=("zeros",), passes=FORWARD))
def test_flipped_kernel_is_true_convolution(conv2d: Subject, case: Case) -> None:
    """With the kernel flipped on both axes, conv2d computes the convolution of mathematics.

    The other side is the definition by landing places: x[a] * w[b] adds to the place a + b.
    """
    flipped = case.arrays["weight"][..., ::-1, ::-1]
    turned = case.replace(weight=Tensor.of(flipped, case.weight.layout))
    conv2d.require_equal(
        turned,
        "conv2d(x, flipped weight) is not the convolution x * weight",
        conv2d.measure(turned),
        true_convolution(case),
    )
