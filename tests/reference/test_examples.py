"""Known examples: numbers that a reader can check by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import reference

EDGE = np.ones((6, 8), np.int64)
EDGE[:, 2:6] = 0

MULTI_X = [[[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]]
MULTI_K = np.array([[[0, 1], [2, 3]], [[1, 2], [3, 4]]])
MULTI_Y = [[[56, 72], [104, 120]], [[76, 100], [148, 172]], [[96, 128], [192, 224]]]


@pytest.mark.parametrize(
    ("x", "k", "y"),
    [
        ([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]], [[19, 25], [37, 43]]),
        (np.arange(16).reshape(4, 4), [[1, 0], [0, 1]], [[5, 7, 9], [13, 15, 17], [21, 23, 25]]),
        (np.arange(8).reshape(2, 4), [[1, 1], [1, 1]], [[10, 14, 18]]),
        (np.arange(8).reshape(2, 4), [[1, 0], [0, 1]], [[5, 7, 9]]),
        (EDGE, [[1, -1]], [[0, 1, 0, 0, 0, -1, 0]] * 6),
        (EDGE.T, [[1, -1]], np.zeros((8, 5)).tolist()),
    ],
)
def test_planes(x: object, k: object, y: object) -> None:
    """corr2d, the definition, conv2d and nn.Conv2d's function give the same small matrix."""
    x, k = np.array(x), np.array(k)
    assert reference.corr2d(x, k).tolist() == y
    assert reference.conv2d_loops(x[None], k[None, None])[0].tolist() == y
    assert reference.conv2d(x[None], k[None, None])[0].tolist() == y
    planes = torch.tensor(x)[None].float(), torch.tensor(k)[None, None].float()
    assert torch.nn.functional.conv2d(*planes)[0].tolist() == y


def test_several_input_channels() -> None:
    """The channels' correlations are added."""
    assert reference.conv2d(MULTI_X, MULTI_K[None])[0].tolist() == MULTI_Y[0]
    planes = [reference.corr2d(x, k) for x, k in zip(MULTI_X, MULTI_K, strict=True)]
    assert (planes[0] + planes[1]).tolist() == MULTI_Y[0]


def test_several_output_channels() -> None:
    """Every output channel has its own kernels."""
    kernels = np.stack([MULTI_K, MULTI_K + 1, MULTI_K + 2])
    assert kernels.shape == (3, 2, 2, 2)
    assert reference.conv2d(MULTI_X, kernels).tolist() == MULTI_Y
    assert reference.conv2d_loops(MULTI_X, kernels).tolist() == MULTI_Y


def test_pointwise_is_a_matrix_product() -> None:
    """A 1x1 convolution is a (2, 3) by (3, 9) matrix product over the pixels."""
    random = np.random.default_rng(0)
    x, k = random.standard_normal((3, 3, 3)), random.standard_normal((2, 3, 1, 1))
    product = (k.reshape(2, 3) @ x.reshape(3, 9)).reshape(2, 3, 3)
    for y in (reference.conv2d_pointwise(x, k), reference.conv2d(x, k)):
        assert np.abs(y - product).sum() < 1e-6
        assert np.abs(y - reference.conv2d_loops(x, k)).sum() < 1e-6


def test_true_convolution_flips_the_learned_kernel_only() -> None:
    """Convolving with a kernel is correlating with its left-right and up-down mirror image."""
    x, k = np.arange(16).reshape(1, 4, 4), np.array([[1, 2], [3, 4]])
    mirrored = np.array([[4, 3], [2, 1]])
    flipped = reference.conv2d_flipped(x, k[None, None])
    assert flipped.tolist() == reference.conv2d(x, mirrored[None, None]).tolist()


@pytest.mark.parametrize(
    ("kernel", "padding", "stride", "output"),
    [
        ((3, 3), (1, 1), (1, 1), (8, 8)),
        ((5, 3), (2, 1), (1, 1), (8, 8)),
        ((3, 3), (1, 1), (2, 2), (4, 4)),
        ((3, 5), (0, 1), (3, 4), (2, 2)),
    ],
)
def test_output_sizes(
    kernel: tuple[int, int],
    padding: tuple[int, int],
    stride: tuple[int, int],
    output: tuple[int, int],
) -> None:
    """An 8x8 input under four combinations of kernel, padding and stride."""
    assert reference.output_size((8, 8), kernel, stride, padding) == output
    y = reference.conv2d(np.ones((1, 8, 8)), np.ones((1, 1, *kernel)), None, stride, padding)
    assert y.shape[1:] == output


def test_bias_is_added_to_every_output() -> None:
    """A layer computes corr2d(x, weight) + bias."""
    x, k = np.arange(9).reshape(3, 3), np.array([[0, 1], [2, 3]])
    y = reference.conv2d(x[None], k[None, None], [7])
    assert y[0].tolist() == (reference.corr2d(x, k) + 7).tolist()
    assert y[0].tolist() == [[26, 32], [44, 50]]


def test_gradients_of_the_edge_detector() -> None:
    """The gradient of sum(y^2) with respect to [1, -1] is 2 A^T A k = (12, -12)."""
    x, k = EDGE[None].astype(float), np.array([[[[1.0, -1.0]]]])
    y = reference.conv2d(x, k)
    gradient = reference.conv2d_weight(x, k.shape, 2 * y)
    gram = np.array([[18, 12], [12, 18]])
    assert gradient.ravel().tolist() == (2 * gram @ [1, -1]).tolist() == [12, -12]


def test_lenet_convolutions() -> None:
    """LeNet's two convolutions take 28x28 to 24x24 and 12x12 to 8x8, and see 16x16 pixels."""
    assert reference.output_size(28, 5) == (24, 24)
    assert reference.output_size(12, 5) == (8, 8)
    layers = [torch.nn.Conv2d(1, 6, 5), torch.nn.MaxPool2d(2, 2), torch.nn.Conv2d(6, 16, 5)]
    assert reference.receptive_field(layers).size == (14, 14)
    assert reference.receptive_field([*layers, torch.nn.MaxPool2d(2, 2)]).size == (16, 16)
