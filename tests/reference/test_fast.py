"""Normwise bounds hold for Winograd and FFT kernels in float32, and for nothing much worse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import reference
from reference import FLOAT32, Enclosure
from reference.winograd import filter_axis, growth, steps, transforms

Array = NDArray[np.float64]
Single = NDArray[np.float32]
TILE = replace(FLOAT32, algorithm="fast-tile")
PLANE = replace(FLOAT32, algorithm="fast-plane")
KINDS = ["normal", "spike", "tiny", "wide"]


def winograd(x: Array, w: Array, outputs: int) -> Array:
    """Return a 3x3 convolution without padding, tile by tile in float32."""
    a, g, b = (matrix.astype(np.float32) for matrix in transforms(outputs, 3))
    batch, _, height, width = x.shape
    size = height - 2, width - 2
    edge = [-n % outputs for n in size]
    data = np.pad(x, ((0, 0), (0, 0), (0, edge[0]), (0, edge[1]))).astype(np.float32)
    kernel = g @ w.astype(np.float32) @ g.T
    y = np.zeros((batch, len(w), size[0] + edge[0], size[1] + edge[1]), np.float32)
    for i in range(0, y.shape[2], outputs):
        for j in range(0, y.shape[3], outputs):
            tile = b @ data[:, :, i : i + outputs + 2, j : j + outputs + 2] @ b.T
            products = np.einsum("ocij,ncij->noij", kernel, tile)
            y[:, :, i : i + outputs, j : j + outputs] = a @ products @ a.T
    return y[:, :, : size[0], : size[1]].astype(np.float64)


def weight_winograd(x: Array, gy: Array, length: int) -> Array:
    """Return the gradient of a 3x3 weight by tiles of the gradient of the output, in float32."""
    a, g, b = (matrix.astype(np.float32) for matrix in transforms(3, length))
    edge = [-n % length for n in gy.shape[2:]]
    margin = ((0, 0), (0, 0), (0, edge[0]), (0, edge[1]))
    data, upstream = (np.pad(array, margin).astype(np.float32) for array in (x, gy))
    total = np.zeros((gy.shape[1], x.shape[1], 3, 3), np.float32)
    for i in range(0, upstream.shape[2], length):
        for j in range(0, upstream.shape[3], length):
            kernel = g @ upstream[:, :, i : i + length, j : j + length] @ g.T
            tile = b @ data[:, :, i : i + length + 2, j : j + length + 2] @ b.T
            total += a @ np.einsum("noij,ncij->ocij", kernel, tile) @ a.T
    return total.astype(np.float64)


def fourier(x: Array, w: Array) -> Array:
    """Return a convolution without padding by transforms of whole planes in complex64."""
    size = x.shape[2:]
    fft: Any = torch.fft
    spectra = [fft.rfft2(torch.from_numpy(a.astype(np.float32)), s=size) for a in (x, w)]
    product = torch.einsum("ncij,ocij->noij", spectra[0], spectra[1].conj())
    y: Single = fft.irfft2(product, s=size).numpy()
    return y[:, :, : size[0] - w.shape[2] + 1, : size[1] - w.shape[3] + 1].astype(np.float64)


def data(kind: str, seed: int = 0) -> tuple[Array, Array, Array]:
    """Return float32 values of an input, a weight and a gradient of the output."""
    random = np.random.default_rng((KINDS.index(kind), seed))
    shapes = (2, 5, 15, 16), (3, 5, 3, 3), (2, 3, 13, 14)
    x, w, gy = (random.standard_normal(shape) for shape in shapes)
    if kind == "spike":
        x[0, 1, 6, 7] = gy[1, 2, 5, 5] = 2.0**14
    if kind == "tiny":
        x, w, gy = x * 2.0**-126, w * 2.0**-3, gy * 2.0**-20
    if kind == "wide":
        x, w, gy = (a * 2.0 ** random.integers(-10, 10, a.shape) for a in (x, w, gy))
    x, w, gy = (reference.BINARY32.round(a) for a in (x, w, gy))
    return x, w, gy


def share(observed: Array, ball: Enclosure) -> float:
    """Return the largest share of a radius that is used."""
    return float(np.max(np.abs(observed - ball.mid) / ball.rad))


@pytest.mark.parametrize("outputs", [2, 4, 6])
def test_the_transforms_compute_a_correlation(outputs: int) -> None:
    """A' [(G g) * (B' d)] is the correlation, for tiles of three taps and of three gradients."""
    random = np.random.default_rng(outputs)
    for taps, count in ((3, outputs), (outputs, 3)):
        each = transforms(count, taps)
        g, d = random.integers(-9, 9, taps), random.integers(-9, 9, count + taps - 1)
        y = each.output @ ((each.kernel @ g) * (each.data @ d))
        np.testing.assert_allclose(y, np.correlate(d, g), atol=1e-10)


def test_constants_of_the_tiles() -> None:
    """The growth of F(2,3) is 8 and that of F(4,3) is 48 per axis; direct sums bound it below."""
    assert [growth(transforms(m, 3)) for m in (2, 4)] == [8.0, 48.0]
    # Rows of three, three and two coefficients: F(2,3) costs 4 + 4 + 3 roundings along an axis.
    assert steps(transforms(2, 3)) == 11
    assert all(filter_axis(taps).growth >= taps for taps in range(1, 20))
    assert filter_axis(9).reach == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outputs", [2, 4, 6])
def test_winograd_is_inside(outputs: int, kind: str) -> None:
    """Outputs and both gradients by F(2,3), F(4,3) and F(6,3), with a spike, lie inside."""
    for seed in range(5):
        x, w, gy = data(kind, seed)
        ball = reference.enclose_conv2d(x, w, arithmetic=TILE)
        assert ball.contains(winograd(x, w, outputs)).all()
        ball = reference.enclose_conv2d_input(x.shape, w, gy, arithmetic=TILE)
        padded = np.pad(gy, ((0, 0), (0, 0), (2, 2), (2, 2)))
        turned = w[:, :, ::-1, ::-1].swapaxes(0, 1)
        assert ball.contains(winograd(padded, turned, outputs)).all()
        ball = reference.enclose_conv2d_weight(x, w.shape, gy, arithmetic=TILE)
        assert ball.contains(weight_winograd(x, gy, outputs)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 3, 5])
def test_fourier_is_inside(size: int, kind: str) -> None:
    """Outputs and input gradients by float32 transforms of planes, with a spike, lie inside."""
    x, _, _ = data(kind)
    w = reference.BINARY32.round(np.random.default_rng(size).standard_normal((3, 5, size, size)))
    ball = reference.enclose_conv2d(x, w, arithmetic=PLANE)
    assert ball.contains(fourier(x, w)).all()
    gy = x[:, :3]
    shape = (2, 5, gy.shape[2] + size - 1, gy.shape[3] + size - 1)
    ball = reference.enclose_conv2d_input(shape, w, gy, arithmetic=PLANE)
    padded = np.pad(gy, ((0, 0), (0, 0), (size - 1,) * 2, (size - 1,) * 2))
    turned = np.ascontiguousarray(w[:, :, ::-1, ::-1].swapaxes(0, 1))
    assert ball.contains(fourier(padded, turned)).all()


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "circular"])
def test_a_fast_ball_holds_the_direct_one(padding_mode: str) -> None:
    """With any parameters the fast radii are at least the direct one, and finite."""
    random = np.random.default_rng(3)
    x, w = random.standard_normal((2, 4, 9, 8)), random.standard_normal((6, 2, 3, 2))
    options: Any = {
        "stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2,
        "padding_mode": padding_mode,
    }  # fmt: skip
    gy = random.standard_normal(reference.conv2d(x, w, **options).shape)
    for z in (0, 1j):
        a = [array + z * array[::-1] for array in (x, w, gy)]
        for fast in (TILE, PLANE):
            for name, arguments in (
                ("", (a[0], a[1])),
                ("_input", (x.shape, a[1], a[2])),
                ("_weight", (a[0], w.shape, a[2])),
            ):
                enclose = getattr(reference, f"enclose_conv2d{name}")
                direct = enclose(*arguments, **options, arithmetic=FLOAT32)
                ball = enclose(*arguments, **options, arithmetic=fast)
                assert np.all(ball.rad >= direct.rad)
                assert np.isfinite(ball.rad).all()
                assert ball.probable is None


def test_a_spike_widens_its_neighbourhood_only() -> None:
    """The bound of tiles is local: far from a large pixel it stays as it was."""
    x, w, _ = data("normal")
    x = np.pad(x, ((0, 0), (0, 0), (0, 0), (0, 16)))
    before = reference.enclose_conv2d(x, w, arithmetic=TILE).rad
    x[0, 1, 6, 2] = 2.0**14
    after = reference.enclose_conv2d(x, w, arithmetic=TILE).rad
    far = filter_axis(3).reach + 3
    np.testing.assert_array_equal(before[:, :, :, 2 + far :], after[:, :, :, 2 + far :])
    assert np.all(after[0, :, 6, 2] > 100 * before[0, :, 6, 2])


def test_a_dropped_product_is_outside_on_ordinary_data() -> None:
    """Loose as they are, the bounds see a forgotten product of ordinary size in most outputs."""
    x, w, _ = data("normal")
    wrong = w.copy()
    wrong[0, 0, 1, 1] = 0.0
    y = reference.conv2d(x, wrong)
    for fast in (TILE, PLANE):
        inside = reference.enclose_conv2d(x, w, arithmetic=fast).contains(y)
        assert inside[:, 1:].all()
        assert 2 * np.count_nonzero(inside[:, 0]) < inside[:, 0].size


def test_integers_are_not_taken_to_be_exact() -> None:
    """Transforms with thirds round even small integers: the radius is not 0."""
    x, w = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
    for fast in (TILE, PLANE):
        assert np.all(reference.enclose_conv2d(x, w, arithmetic=fast).rad > 0)


def test_empty_batches_and_channels_have_no_error() -> None:
    """Without images there is no element; without channels every output is 0, up to underflow."""
    for fast in (TILE, PLANE):
        for images, channels in ((0, 1), (2, 0)):
            x, w = np.ones((images, 2 * channels, 4, 4)), np.ones((2, channels, 3, 3))
            gy = np.ones((len(x), 2, 2, 2))
            options: Any = {"groups": 2, "arithmetic": fast}
            for ball in (
                reference.enclose_conv2d(x, w, **options),
                reference.enclose_conv2d_input(x.shape, w, gy, **options),
                reference.enclose_conv2d_weight(x, w.shape, gy, **options),
            ):
                assert np.all(ball.rad <= FLOAT32.output.smallest_normal)


def test_norms_of_tiny_planes_do_not_underflow() -> None:
    """In float64 a plane of 2^-600 has a radius in proportion to it."""
    x, w = np.full((1, 1, 4, 4), 2.0**-600), np.ones((1, 1, 3, 3))
    fast = replace(reference.FLOAT64, algorithm="fast-plane")
    tiny, usual = (reference.enclose_conv2d(a, w, arithmetic=fast).rad for a in (x, x * 2.0**600))
    np.testing.assert_allclose(tiny * 2.0**600, usual, rtol=2.0**-40)
