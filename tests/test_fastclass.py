"""The bound of fast algorithms holds for a real Winograd kernel, and for no plainly wrong one."""

from __future__ import annotations

import numpy as np
import pytest

from properties.case import Case, Tensor
from properties.expect import expected
from properties.fastclass import KAPPA, within_fast_class
from properties.implementation import Implementation
from properties.judge import judge
from properties.values import Float64, Recipe
from reference import FLOAT32, FLOAT64

# Lavin & Gray, Fast Algorithms for Convolutional Neural Networks (2016): F(4x4, 3x3).
B = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float32,
)
G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    np.float32,
)
A = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    np.float32,
)
GPU = Implementation("kernels:conv2d", "cuda")
SPIKE = (0, 1, 2, 2)


def winograd(case: Case) -> Float64:
    """Return the output of a 3x3 convolution, tile by tile in float32: A [(G g G') (B d B')] A'."""
    x, w = (case.arrays[name].astype(np.float32) for name in ("input", "weight"))
    kernel = G @ w @ G.T
    y = np.zeros(case.output_shape, np.float32)
    for i in range(0, y.shape[2], 4):
        for j in range(0, y.shape[3], 4):
            tile = B @ x[:, :, i : i + 6, j : j + 6] @ B.T
            products = np.einsum("ocij,ncij->noij", kernel, tile)
            y[:, :, i : i + 4, j : j + 4] = A @ products @ A.T
    return y.astype(np.float64)


def spiked(channels: int = 4) -> Case:
    """Return a 3x3 call on 2x2 tiles whose input is small but for one pixel."""
    values = Recipe("normal", 1).expand((1, channels, 10, 10)) * 2.0**-10
    values[SPIKE] = 1000.0
    weight = Tensor((3, channels, 3, 3), Recipe("normal", 2))
    return Case(Tensor.of(values), weight)


def far_from_the_spike(values: Float64) -> Float64:
    """Return the outputs of the first tile that do not see the spike."""
    return values[0, :, 3, 3]


def test_the_simulation_is_a_convolution() -> None:
    """In float32 on mild data Winograd agrees with the definition to a few parts in 10^5."""
    case = Case(Tensor((1, 4, 10, 10), Recipe("normal", 3)), spiked().weight)
    error = np.abs(winograd(case) - expected(case, FLOAT64)["output"].mid)
    assert error.max() < 1e-4


@pytest.mark.parametrize("channels", [2, 4, 16])
def test_winograd_misses_the_direct_bound_and_meets_this_one(channels: int) -> None:
    """One large pixel spoils the small outputs of its tile: too much for a direct kernel only."""
    case = spiked(channels)
    enclosure, observed = expected(case, FLOAT32)["output"], winograd(case)
    assert not judge(observed, enclosure).ok
    assert np.all(
        far_from_the_spike(np.abs(observed - enclosure.mid)) > far_from_the_spike(enclosure.rad)
    )
    assert within_fast_class(case, "output", observed, enclosure, GPU)


def test_kappa_covers_the_largest_tile() -> None:
    """KAPPA is at least the growth of F(6x6, 3x3), built from its points by Cook and Toom."""
    points = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5]
    powers = np.vander([*points, 0.0], 8, increasing=True)
    powers[7] = np.eye(8)[7]  # the point at infinity
    kernel, output = powers[:, :3].copy(), powers[:, :6].copy()
    kernel[7], output[7] = np.eye(3)[2], np.eye(6)[5]
    data = np.linalg.inv(powers).T
    growth = np.abs(output.T) @ (np.abs(kernel).sum(1) * np.abs(data).sum(1))
    assert 4578 < growth.max() ** 2 <= KAPPA
    g, d = Recipe("integers", 1).expand((3,)), Recipe("integers", 2).expand((8,))
    np.testing.assert_allclose(output.T @ ((kernel @ g) * (data @ d)), np.correlate(d, g))


def test_a_plainly_wrong_value_meets_neither() -> None:
    """A dropped tap, a swapped pixel or a NaN lies outside of both bounds."""
    case = Case(Tensor((1, 4, 10, 10), Recipe("integers", 1)), spiked().weight)
    enclosure = expected(case, FLOAT32)["output"]
    dropped = case.arrays["weight"].copy()
    dropped[0, 0, 0, 0] = 0.0
    wrong = [
        expected(case.replace(weight=Tensor.of(dropped)), FLOAT32)["output"].mid,
        enclosure.mid[..., ::-1],
        np.where(enclosure.mid == enclosure.mid.flat[0], np.nan, enclosure.mid),
    ]
    for observed in wrong:
        assert not judge(observed, enclosure).ok
        assert not within_fast_class(case, "output", observed, enclosure, GPU)


def test_only_float32_away_from_the_cpu_is_covered() -> None:
    """On the CPU, and in float64, only the direct bound counts."""
    case = spiked()
    observed, enclosure = winograd(case), expected(case, FLOAT32)["output"]
    cpu, other = Implementation("kernels:conv2d", "cpu"), Implementation("kernels:conv2d", "xpu:1")
    assert not within_fast_class(case, "output", observed, enclosure, cpu)
    assert not within_fast_class(case.replace(dtype="float64"), "output", observed, enclosure, GPU)
    assert within_fast_class(case, "output", observed, enclosure, other)


def test_gradients_of_input_and_weight_are_covered() -> None:
    """The bound applies to both convolutions of the backward pass, never to the bias' sum."""
    upstream = Tensor((1, 3, 8, 8), Recipe("normal", 5))
    case = spiked().replace(
        bias=Tensor((3,), Recipe("normal", 6)),
        gradients=("input", "weight", "bias"),
        grad_output=upstream,
    )
    for name, enclosure in expected(case, FLOAT32).items():
        covered = name != "bias"
        assert within_fast_class(case, name, enclosure.mid, enclosure, GPU) == covered
        off = enclosure.mid + 1e6
        assert not within_fast_class(case, name, off, enclosure, GPU)
