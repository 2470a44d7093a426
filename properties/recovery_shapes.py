"""Problems of kernel recovery by construction: identifiable ones, and ones that are not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from properties.case import Case, Tensor
from properties.recovery_theory import Problem, design
from properties.recovery_training import Training
from properties.values import Float64, Recipe
from reference import Conv2dParams

Pair = tuple[int, int]


@dataclass(frozen=True)
class Shape:
    """What was drawn about a problem, before there are values."""

    params: Conv2dParams
    kernel: Pair
    size: Pair
    samples: int
    inner: int  # channels of a group
    outer: int  # output channels of a group
    bias: bool
    dtype: str

    @property
    def weight(self) -> tuple[int, ...]:
        """Shape of the weight."""
        return (self.outer * self.params.groups, self.inner, *self.kernel)

    @property
    def input(self) -> tuple[int, ...]:
        """Shape of the input."""
        return (self.samples, self.inner * self.params.groups, *self.size)

    def training(self, seed: int, x: Float64 | None = None) -> Training:
        """Return the training on this input, or on random integers; its rate is still to be set."""
        operands = [Tensor(self.weight, Recipe("integers", 5 * seed + i)) for i in (1, 2)]
        biases = [Tensor(self.weight[:1], Recipe("integers", 5 * seed + i)) for i in (3, 4)]
        start, truth = biases if self.bias else (None, None)
        data = Tensor(self.input, Recipe("integers", 5 * seed)) if x is None else Tensor.of(x)
        case = Case(data, operands[0], start, self.params, self.dtype)
        return Training(case, operands[1], truth, lr=1.0, steps=1)


def origin(stride: int, pad: int) -> int:
    """Return the input's first index that an output starts at without seeing padding before it."""
    return -(-pad // stride) * stride - pad


def impulses(shape: Shape) -> Float64:
    """Return samples of one pixel each: one per channel and tap, with its negative for a bias."""
    p, (height, width) = shape.params, shape.size
    taps = [(c, u, w) for c in range(shape.inner) for u, w in np.ndindex(*shape.kernel)]
    pixels = np.zeros((len(taps), p.groups, shape.inner, height, width))
    corner = [origin(p.stride[axis], p.pads(shape.kernel)[axis][0]) for axis in (0, 1)]
    for sample, (c, u, w) in enumerate(taps):
        pixels[sample, :, c, corner[0] + u * p.dilation[0], corner[1] + w * p.dilation[1]] = 1.0
    x: Float64 = pixels.reshape(len(taps), -1, height, width)
    if not shape.bias:
        return x * 4.0
    x = np.concatenate([x, -x])
    matrix = design(shape.training(0, x).case)[0].reshape(-1, len(taps) + 1)
    # As large as makes the taps' eigenvalues those of the bias, which is the number of rows.
    usual = float(np.median((matrix * matrix).sum(0)[:-1]))
    return x * max(1.0, float(np.rint(np.sqrt(len(matrix) / usual))))


def deficient(shape: Shape, source: str) -> Shape:
    """Return the shape, changed so that this source makes its data deficient."""
    if source == "too few outputs":
        reach = [d * (k - 1) + 1 for d, k in zip(shape.params.dilation, shape.kernel, strict=True)]
        return replace(shape, samples=1, size=(reach[0], reach[1]))
    if source == "taps in the padding":
        params = Conv2dParams(1, 1, 1, shape.params.groups)
        return replace(shape, params=params, kernel=(3, 3), size=(1, 1))
    return replace(shape, inner=2) if source == "equal channels" else shape


def displaced(training: Training) -> Training:
    """Return the training with a start that differs from the truth in a null direction."""
    problem = Problem(training)
    error = problem.start - problem.truth
    for group, basis in enumerate(problem.null_vectors()):
        vectors = basis.astype(np.float64).T
        n = min(vectors, key=lambda vector: float(np.abs(vector).max()))
        signs = np.where(n @ error[group] < 0, -1.0, 1.0)
        error[group] += np.multiply.outer(n, signs)
    start = (problem.truth + error).swapaxes(1, 2)
    taps = int(np.prod(training.case.weight.shape[1:]))
    weight = Tensor.of(start[..., :taps].reshape(training.case.weight.shape))
    bias = None if training.case.bias is None else Tensor.of(start[..., taps].reshape(-1))
    return replace(training, case=training.case.replace(weight=weight, bias=bias))
