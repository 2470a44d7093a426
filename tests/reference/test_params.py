"""Parameters, output sizes, padding and receptive fields."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference import Conv2dParams, output_size, pad, receptive_field
from reference.padding import fold_array, pad_array
from tests.reference.problems import NUMPY_MODES, Problem, few, many, problems, refused

# Said once per process, about speed, by the first 'same' with an even kernel.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def test_parameters_are_normalised() -> None:
    """Integers become pairs, NumPy integers become ints, strings stay; equal calls are equal."""
    odd: list[Any] = [np.int64(2), [1, np.int32(3)], 2, np.uint8(4)]
    params = Conv2dParams(*odd)
    assert params == Conv2dParams((2, 2), (1, 3), (2, 2), 4, "zeros")
    assert hash(params) == hash(Conv2dParams((2, 2), (1, 3), (2, 2), 4))
    assert (params.stride, params.padding, params.dilation) == ((2, 2), (1, 3), (2, 2))
    assert type(params.stride[0]) is int
    assert Conv2dParams(padding="same").padding == "same"
    assert repr(Conv2dParams()) == (
        "Conv2dParams(stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1,"
        " padding_mode='zeros')"
    )


def test_parameters_are_frozen_and_replaceable() -> None:
    """A field cannot be assigned; dataclasses.replace checks the new value."""
    params = Conv2dParams()
    with pytest.raises(FrozenInstanceError):
        params.groups = 2  # type: ignore[misc]
    assert replace(params, stride=2).stride == (2, 2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`groups`=0"):
        replace(params, groups=0)


@pytest.mark.parametrize(("kernel", "dilation"), list(product([1, 2, 3, 4, 5], [1, 2, 3])))
def test_same_adds_the_odd_one_at_the_end(kernel: int, dilation: int) -> None:
    """'same' pads dilation * (kernel - 1) in all, as torch does, and keeps the size."""
    params = Conv2dParams(padding="same", dilation=dilation)
    (before, after), _ = params.pads(kernel)
    assert (before + after, after - before) == (dilation * (kernel - 1), (before + after) % 2)
    module = torch.nn.Conv2d(1, 1, kernel, padding="same", dilation=dilation)
    assert module._reversed_padding_repeated_twice == [before, after] * 2
    assert params.output_size((7, 9), kernel) == (7, 9)


@many
@given(problems())
def test_output_size_is_torchs(problem: Problem) -> None:
    """output_size gives the shape of what torch returns."""
    p, params = problem, problem.params
    arguments = (p.weight_shape[2:], params.stride, params.padding, params.dilation)
    y = torch.nn.functional.conv2d(
        torch.zeros(1, 1, *p.input_shape[-2:]), torch.zeros(1, 1, *p.weight_shape[2:]), None,
        params.stride, params.padding, params.dilation,
    )  # fmt: skip
    assert output_size(p.input_shape[-2:], *arguments) == tuple(y.shape[2:])


@many
@given(problems())
def test_output_size_counts_the_kernel_positions(problem: Problem) -> None:
    """The output size is the number of positions at which the dilated kernel fits."""
    p, params = problem, problem.params
    expected = []
    for axis in (0, 1):
        padded = p.input_shape[axis - 2] + sum(params.pads(p.weight_shape[2:])[axis])
        last = params.dilation[axis] * (p.weight_shape[axis - 2] - 1)
        starts = range(0, padded, params.stride[axis])
        expected.append(sum(start + last < padded for start in starts))
    assert params.output_size(p.input_shape[-2:], p.weight_shape[2:]) == tuple(expected)


@few
@given(problems(values=("integers",)))
def test_padding_is_numpys_and_torchs(problem: Problem) -> None:
    """Pad equals numpy.pad, and torch's padding of that mode."""
    p, mode = problem, problem.params.padding_mode
    pads = p.params.pads(p.weight_shape[2:])
    padded = pad(p.x, pads, mode)
    full = [(0, 0)] * (p.x.ndim - 2) + list(pads)
    if p.x.size:
        expected = np.pad(p.x, full, NUMPY_MODES.get(mode, "constant"))
        np.testing.assert_array_equal(padded, expected, strict=True)
    name = "constant" if mode == "zeros" else mode
    by_torch = torch.nn.functional.pad(torch.from_numpy(p.x), (*pads[1], *pads[0]), name)
    np.testing.assert_array_equal(padded, by_torch.numpy(), strict=True)


@few
@given(problems(values=("integers",)))
def test_folding_is_the_adjoint_of_padding(problem: Problem) -> None:
    """<pad(x), z> = <x, fold(z)> for every mode."""
    p, mode = problem, problem.params.padding_mode
    pads = p.params.pads(p.weight_shape[2:])
    padded = pad_array(p.x, pads, mode)
    z = np.random.default_rng(p.seed).integers(-9, 9, padded.shape).astype(float)
    folded = fold_array(z, pads, mode)
    assert folded.shape == p.x.shape
    assert (padded * z).sum() == (p.x * folded).sum()


def test_pad_refusals() -> None:
    """Pad refuses what torch's padding refuses, and what is no image."""
    x = np.zeros((1, 1, 2, 3))
    cases: list[tuple[Any, Any, str, str]] = [
        (
            x,
            ((2, 0), (0, 0)),
            "reflect",
            "`pads`=((2, 0), (0, 0)) must be less than the input size (2, 3)",
        ),
        (
            x,
            ((0, 0), (0, 4)),
            "circular",
            "`pads`=((0, 0), (0, 4)) must be at most the input size (2, 3)",
        ),
        (x, ((0, -1), (0, 0)), "zeros", "`pads`=(0, -1) must be at least 0"),
        (
            x,
            ((0, 0), (0, 0)),
            "wrap",
            "`mode`='wrap' is not one of ('zeros', 'reflect', 'replicate', 'circular')",
        ),
        (x[0, 0, 0], ((0, 0), (0, 0)), "zeros", "`input` of shape (3,) is not (..., H, W)"),
    ]
    for value, pads, mode, message in cases:
        with refused(message):
            pad(value, pads, mode)


def test_receptive_field_of_two_layers() -> None:
    """Through two 2x2 layers the last element sees 4 elements, then all 9 of a 3x3 input."""
    middle, whole = receptive_field([2]), receptive_field([2, 2])
    assert middle.size[0] * middle.size[1] == 4
    assert whole.size[0] * whole.size[1] == 9
    assert (whole.jump, whole.start) == ((1, 1), (0, 0))


def test_receptive_field_reads_modules_and_mappings() -> None:
    """nn.Conv2d, nn.MaxPool2d and mappings of their arguments describe a layer."""
    modules = [
        torch.nn.Conv2d(1, 6, 5, padding=2), torch.nn.MaxPool2d(2), torch.nn.Conv2d(6, 16, 5),
    ]  # fmt: skip
    mappings = [{"kernel_size": 5, "padding": 2}, {"kernel_size": 2, "stride": 2}, (5, 5)]
    assert receptive_field(modules) == receptive_field(mappings)
    assert receptive_field(modules) == ((14, 14), (2, 2), (-2, -2))
    with pytest.raises(ValueError, match=r"`layers` has .*'strides'"):
        receptive_field([{"kernel_size": 2, "strides": 2}])


@few
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "kernel_size": st.integers(1, 3),
                "stride": st.integers(1, 2),
                "padding": st.integers(0, 1),
                "dilation": st.integers(1, 2),
            }
        ),
        min_size=1,
        max_size=3,
    )
)
def test_receptive_field_is_where_the_gradient_is(layers: list[dict[str, int]]) -> None:
    """The input rows with a gradient of output i span start + i * jump and size rows, clipped."""
    x = torch.ones(1, 1, 40, 40, requires_grad=True)
    y = x
    for layer in layers:
        rest: dict[str, Any] = {name: layer[name] for name in ("stride", "padding", "dilation")}
        kernel = torch.ones(1, 1, layer["kernel_size"], layer["kernel_size"])
        y = torch.nn.functional.conv2d(y, kernel, **rest)
    field = receptive_field(layers)
    for i in (0, y.shape[2] - 1):
        (gradient,) = torch.autograd.grad(y[0, 0, i, i], x, retain_graph=True)
        rows = np.flatnonzero(gradient.numpy().sum((0, 1, 3)))
        first = field.start[0] + i * field.jump[0]
        if first >= 0 and first + field.size[0] <= 40:
            assert (rows[0], rows[-1] - rows[0] + 1) == (first, field.size[0])
