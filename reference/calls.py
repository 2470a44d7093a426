"""The arguments of a convolution, or of one of its gradients, checked and converted together.

Everything that can be refused is refused here, in this order: dtypes, shapes, memory. Only then are
elements copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reference.arguments import (
    Array,
    ArrayLike,
    Operand,
    check_memory,
    convert,
    convert_inexact,
    read,
)
from reference.geometry import Geometry, Shape, check_bias, geometry, input_shape, weight_shape
from reference.padding import product
from reference.params import Conv2dParams


class Call(NamedTuple):
    """The geometry of a call, and its arrays: batched, C-contiguous, all of one dtype."""

    geometry: Geometry
    arrays: tuple[Array, ...]


def forward_call(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    params: Conv2dParams,
    *,
    copies: int = 1,
    as_floats: bool = False,
) -> Call:
    """Return the arrays (input, weight) or (input, weight, bias) of a convolution."""
    operands = [read("input", input), read("weight", weight)]
    if bias is not None:
        operands.append(read("bias", bias))
    shape = input_shape("input", operands[0].shape)
    kernel = weight_shape("weight", operands[1].shape)
    found = geometry(shape, kernel, params)
    if bias is not None:
        check_bias(operands[2].shape, found.out_channels)
    check_memory(copies * found.nbytes * _parts(operands), f"`input` of shape {shape}")
    arrays = convert_inexact(operands) if as_floats else convert(operands)
    arrays[0] = arrays[0].reshape(found.input_shape)
    return Call(found, tuple(arrays))


def input_call(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    params: Conv2dParams,
    *,
    copies: int = 1,
    as_floats: bool = False,
) -> Call:
    """Return the arrays (weight, grad_output) of a gradient with respect to the input."""
    operands = [read("weight", weight), read("grad_output", grad_output)]
    shape = input_shape("input_size", input_size)
    found = geometry(shape, weight_shape("weight", operands[0].shape), params)
    _check_grad_output(operands[1].shape, found)
    check_memory(copies * found.nbytes * _parts(operands), f"`input_size`={shape}")
    arrays = convert_inexact(operands) if as_floats else convert(operands)
    arrays[1] = arrays[1].reshape(found.output_shape)
    return Call(found, tuple(arrays))


def weight_call(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    params: Conv2dParams,
    *,
    copies: int = 1,
    as_floats: bool = False,
) -> Call:
    """Return the arrays (input, grad_output) of a gradient with respect to the weight."""
    operands = [read("input", input), read("grad_output", grad_output)]
    shape = input_shape("input", operands[0].shape)
    found = geometry(shape, weight_shape("weight_size", weight_size), params)
    _check_grad_output(operands[1].shape, found)
    check_memory(copies * found.nbytes * _parts(operands), f"`input` of shape {shape}")
    arrays = convert_inexact(operands) if as_floats else convert(operands)
    arrays[0] = arrays[0].reshape(found.input_shape)
    arrays[1] = arrays[1].reshape(found.output_shape)
    return Call(found, tuple(arrays))


def bias_call(grad_output: ArrayLike, *, copies: int = 1, as_floats: bool = False) -> Array:
    """Return the batched array of a gradient with respect to the bias."""
    operand = read("grad_output", grad_output)
    shape = input_shape("grad_output", operand.shape)
    check_memory(8 * copies * product(shape) * _parts([operand]), f"`grad_output` of shape {shape}")
    array = (convert_inexact if as_floats else convert)([operand])[0]
    return array if len(shape) == 4 else array[None]


def _parts(operands: Sequence[Operand]) -> int:
    """Return the number of float64 in one element: two of complex numbers."""
    return 1 + any(operand.kind == "complex" for operand in operands)


def _check_grad_output(shape: Shape, found: Geometry) -> None:
    expected = found.as_given(found.output_shape)
    if shape != expected:
        raise ValueError(f"`grad_output` of shape {shape} is not {expected}")
