"""The oracle and torch agree exactly where torch has no rounding to make."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given

import reference
from tests.reference.problems import Problem, few, problems

# Said once per process, about speed, by the first 'same' with an even kernel.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def _module(problem: Problem, dtype: torch.dtype) -> torch.nn.Conv2d:
    """Return nn.Conv2d with the problem's parameters, weight and bias."""
    p = problem
    outputs, channels, kh, kw = p.weight_shape
    inputs = channels * p.params.groups
    module = torch.nn.Conv2d(inputs, outputs, (kh, kw), dtype=dtype, **p.arguments)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(p.w))
        assert module.bias is not None
        module.bias.copy_(torch.from_numpy(p.b))
    return module


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_output_and_gradients_equal_autograds(dtype: torch.dtype) -> None:
    """On small integers nn.Conv2d and autograd give the oracle's output and gradients exactly."""

    @few
    @given(problems(values=("integers",)))
    def check(problem: Problem) -> None:
        p, a = problem, problem.arguments
        module = _module(p, dtype)
        x = torch.tensor(p.x, dtype=dtype, requires_grad=True)
        y = module(x)
        y.backward(torch.tensor(p.gy, dtype=dtype))
        pairs: list[tuple[Any, Any]] = [
            (y, reference.conv2d(p.x, p.w, p.b, **a)),
            (x.grad, reference.conv2d_input(p.input_shape, p.w, p.gy, **a)),
            (module.weight.grad, reference.conv2d_weight(p.x, p.weight_shape, p.gy, **a)),
            (module.bias.grad if module.bias is not None else None, reference.conv2d_bias(p.gy)),
        ]
        for actual, expected in pairs:
            assert tuple(actual.shape) == expected.shape
            assert actual.detach().double().numpy().tolist() == expected.tolist()

    check()


@few
@given(problems(max_output=4))
def test_torch_lies_in_the_float32_enclosure(problem: Problem) -> None:
    """On real data nn.Conv2d in float32 lies in the enclosure of float32."""
    p = problem
    enclosure = reference.enclose_conv2d(p.x, p.w, p.b, **p.arguments, arithmetic=reference.FLOAT32)
    y = _module(p, torch.float32)(torch.tensor(p.x, dtype=torch.float32))
    assert enclosure.contains(y).all()


@few
@given(problems(values=("integers",)))
def test_argument_order_is_that_of_torch_nn_grad(problem: Problem) -> None:
    """torch.nn.grad's functions, called with the same positional arguments, agree."""
    p = problem
    is_accepted = len(p.input_shape) == 4 and 0 not in p.input_shape
    if not is_accepted or p.params.padding_mode != "zeros" or isinstance(p.params.padding, str):
        p = Problem((2, 4, 5, 6), (2, 2, 3, 2), {"groups": 2, "padding": 1}, p.seed, "integers")
    rest = (p.params.stride, p.params.padding, p.params.dilation, p.params.groups)
    w, x, gy = (torch.from_numpy(array) for array in (p.w, p.x, p.gy))
    by_torch: Any = torch.nn.grad  # type: ignore[attr-defined]
    gx = by_torch.conv2d_input(p.input_shape, w, gy, *rest)
    gw = by_torch.conv2d_weight(x, p.weight_shape, gy, *rest)
    assert reference.conv2d_input(p.input_shape, w, gy, *rest).tolist() == gx.tolist()
    assert reference.conv2d_weight(x, p.weight_shape, gy, *rest).tolist() == gw.tolist()


@pytest.mark.parametrize(
    ("input_shape", "weight_shape", "arguments"),
    [
        ((0, 2, 3, 3), (2, 2, 2, 2), {}),
        ((0, 2, 0, 3), (2, 2, 1, 1), {"padding": 1}),
        ((2, 0, 3, 3), (1, 0, 2, 2), {}),
        ((2, 0, 0, 3), (2, 0, 2, 2), {"padding": 1, "groups": 2}),
        ((0, 3, 3), (1, 0, 2, 2), {"padding": 1, "padding_mode": "circular"}),
        ((0, 1, 3, 3), (1, 1, 2, 2), {"padding": 2, "padding_mode": "reflect"}),
        ((0, 1, 3, 3), (1, 1, 2, 2), {"padding": 2, "padding_mode": "replicate"}),
    ],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_empty_batches_and_channels(
    input_shape: tuple[int, ...], weight_shape: tuple[int, ...], arguments: dict[str, Any]
) -> None:
    """An empty batch gives an empty output; without channels the output is the bias."""
    p = Problem(input_shape, weight_shape, arguments, 1, "integers")
    y = np.zeros(p.output_shape) + p.b[:, None, None]
    accepted = _module(p, torch.float64)(torch.from_numpy(p.x))
    if weight_shape[1]:  # without input channels torch returns an output without channels
        assert accepted.shape == y.shape
    for form in (reference.conv2d, reference.conv2d_loops):
        np.testing.assert_array_equal(form(p.x, p.w, p.b, **arguments), y, strict=True)
    enclosure = reference.enclose_conv2d(
        p.x, p.w, p.b + 0.1, **arguments, arithmetic=reference.FLOAT32
    )
    assert enclosure.mid.shape == y.shape
    assert not enclosure.rad.any()
    gx = reference.conv2d_input(p.input_shape, p.w, p.gy, **arguments)
    assert gx.shape == p.input_shape
    assert not gx.any()
    gw = reference.conv2d_weight(p.x, p.weight_shape, p.gy, **arguments)
    assert gw.shape == p.weight_shape
    assert not gw.any()
