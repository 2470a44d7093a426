"""Hypothesis strategies for trainings: integer data, valid by construction, boundary first.

As in `properties.strategies`, every draw is `sampled_from` of fewer than 100 items, plainest first.
Learning rates, and where recovery is claimed numbers of steps, come from the spectrum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from properties.case import Case, Tensor
from properties.domain import Domain, OutOfDomain, active
from properties.recovery_theory import Problem, design, tuned
from properties.recovery_training import REDUCTIONS, Training
from properties.strategies import seeds
from properties.values import Float64, Recipe
from reference import Conv2dParams

KERNELS = {
    "1x1": ((1, 1),),
    "1xK": ((1, 2), (1, 3)),
    "Kx1": ((2, 1), (3, 1)),
    "square": ((2, 2), (3, 3)),
    "rectangle": ((2, 3), (3, 2)),
}
LARGER = ("1xK", "Kx1", "square", "rectangle")
PADDINGS = ("0", "1", "0,1", "1,0", "2")
GROUPS = {"1": (1, (1, 2)), "2": (2, (1, 2)), "depthwise": (2, (1,)), "multiplier": (3, (1,))}
PASSES = ("weight", "weight+bias", "input+weight", "input+weight+bias")
BATCHES = ("full", "single", "backwards", "two")
MOMENTA = (0.0, 0.5, 0.875)
STEPS = (1, 2, 3, 5, 8)
DEFICIENCIES = ("constant input", "too few outputs", "equal channels", "taps in the padding")
SHAPED = {"kernel", "stride", "padding", "dilation", "groups", "batch"}

_among = lru_cache(maxsize=None)(st.sampled_from)
Draw = Callable[[st.SearchStrategy[Any]], Any]
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


@st.composite
def trainings(draw: Draw) -> Training:
    """Return a strategy for trainings on random integers, identifiable or not."""
    shape = draw(_shapes(active().within(**_needs())))
    training: Training = draw(_with_loops(shape.training(draw(seeds()))))
    return training


@st.composite
def flipped_trainings(draw: Draw) -> Training:
    """Return a strategy for trainings on targets that true convolution made."""
    return tuned(replace(draw(trainings()), flipped=True))


@st.composite
def identifiable_trainings(draw: Draw) -> Training:
    """Return a strategy for trainings that end within 1/4 of the true kernel in exact arithmetic.

    Each sample is one nonzero pixel, one sample for each tap of an output inside the input. An
    output then sees at most one tap, so A^T A is diagonal, with no zero on the diagonal; with a
    bias each sample comes with its negative, which keeps the column of ones orthogonal.
    """
    if "batch" in active().levels:
        raise OutOfDomain("needs as many samples as a kernel has taps")
    shape = draw(_shapes(active().within(**_needs()), inside=True))
    training = shape.training(draw(seeds()), _impulses(shape))
    momentum, reduction = draw(_among(MOMENTA[:2])), draw(_among(REDUCTIONS))
    training = tuned(replace(training, momentum=momentum, reduction=reduction))
    problem = Problem(training)
    error = np.sqrt(((problem.start - problem.truth) ** 2).sum(1)).max()
    return replace(training, steps=max(1, problem.steps_to(0.25 / max(error, 1.0))))


@st.composite
def deficient_trainings(draw: Draw) -> Training:
    """Return a strategy for trainings whose data do not determine the kernel.

    The start is k* + w + n with w random and n a null vector of A that w is not opposed to: so
    k_0 - k* has a part, of at least the length of n, that no gradient ever sees.
    """
    domain = active().within(**{**_needs(), "kernel": LARGER, "padding": ("0",)})
    # The other sources choose shapes of their own.
    source = draw(
        st.sampled_from(DEFICIENCIES[:1] if SHAPED & set(active().levels) else DEFICIENCIES)
    )
    shape = _deficient(draw(_shapes(domain)), source)
    seed = draw(seeds())
    x = Recipe("integers", 5 * seed).expand(shape.input)
    if source == "constant input":
        x = np.full(shape.input, 2.0)
    elif source == "equal channels":
        pairs = x.reshape(shape.samples, -1, 2, *shape.size)
        pairs[:, :, 1] = pairs[:, :, 0]
    training: Training = draw(_with_loops(_displaced(shape.training(seed, x))))
    return training


def _needs() -> dict[str, Sequence[str]]:
    """Return the levels that training by these strategies can use."""
    return {
        "padding": PADDINGS,
        "padding_mode": ("zeros",),
        "groups": tuple(GROUPS),
        "layout": ("contiguous",),
        "batch": ("1", "2", "4"),
        "stride": ("1", "2", "1,2", "2,1", "3,1"),
        "dilation": ("1", "2", "1,2", "2,1"),
        "passes": PASSES,
    }


@st.composite
def _shapes(draw: Draw, domain: Domain, inside: bool = False) -> Shape:
    """Return a strategy for shapes; with `inside` some output sees no padding."""

    def level(factor: str) -> str:
        return str(draw(_among(domain.options(factor))))

    kernel = draw(_among(KERNELS[level("kernel")]))
    stride, padding, dilation = (_pair(level(f)) for f in ("stride", "padding", "dilation"))
    groups, inner = GROUPS[level("groups")]
    params = Conv2dParams(stride, padding, dilation, groups)
    outputs = draw(_among((1, 2, 3))), draw(_among((1, 2, 3)))
    spare = draw(_among((0, 1)))
    pads = params.pads(kernel)
    size = tuple(
        max((o - 1) * s + d * (k - 1) + 1 - 2 * p[0], _origin(s, p[0]) + d * (k - 1) + 1, d) + spare
        if inside
        else max((o - 1) * s + d * (k - 1) + 1 - 2 * p[0], d) + spare
        for o, s, d, k, p in zip(outputs, stride, dilation, kernel, pads, strict=True)
    )
    biased = any("bias" in passes for passes in domain.options("passes"))
    bias = level("bias") == "yes" and biased
    channels, outer = draw(_among(inner)), draw(_among((1, 2)))
    samples, dtype = int(level("batch")), level("dtype")
    return Shape(params, kernel, (size[0], size[1]), samples, channels, outer, bias, dtype)


def _pair(level: str) -> Pair:
    first, _, second = level.partition(",")
    return int(first), int(second or first)


def _origin(stride: int, pad: int) -> int:
    """Return the input's first index that an output starts at without seeing padding before it."""
    return -(-pad // stride) * stride - pad


@st.composite
def _with_loops(draw: Draw, training: Training) -> Training:
    """Return a strategy for the same problem with other batches, momentum, reduction, steps."""
    momentum, reduction = draw(_among(MOMENTA)), draw(_among(REDUCTIONS))
    batches = _batches(draw(_among(BATCHES)), training.case.input.shape[0])
    steps = draw(_among(STEPS))
    changed = replace(training, momentum=momentum, reduction=reduction, batches=batches)
    return replace(tuned(changed), steps=steps)


def _batches(kind: str, samples: int) -> tuple[Pair, ...]:
    # Parts of the batch are batches of other sizes: only for domains that leave the batch free.
    if kind == "full" or samples == 1 or "batch" in active().levels:
        return ()
    singles = tuple((start, start + 1) for start in range(samples))
    middle = samples // 2
    return {
        "single": singles,
        "backwards": singles[::-1],
        "two": ((0, middle), (middle, samples)),
    }[kind]


def _impulses(shape: Shape) -> Float64:
    """Return samples of one pixel each: one per channel and tap, with its negative for a bias."""
    p, (height, width) = shape.params, shape.size
    taps = [(c, u, w) for c in range(shape.inner) for u, w in np.ndindex(*shape.kernel)]
    pixels = np.zeros((len(taps), p.groups, shape.inner, height, width))
    origin = [_origin(p.stride[axis], p.pads(shape.kernel)[axis][0]) for axis in (0, 1)]
    for sample, (c, u, w) in enumerate(taps):
        pixels[sample, :, c, origin[0] + u * p.dilation[0], origin[1] + w * p.dilation[1]] = 1.0
    x: Float64 = pixels.reshape(len(taps), -1, height, width)
    if not shape.bias:
        return x * 4.0
    x = np.concatenate([x, -x])
    matrix = design(shape.training(0, x).case)[0].reshape(-1, len(taps) + 1)
    # As large as makes the taps' eigenvalues those of the bias, which is the number of rows.
    usual = float(np.median((matrix * matrix).sum(0)[:-1]))
    return x * max(1.0, float(np.rint(np.sqrt(len(matrix) / usual))))


def _deficient(shape: Shape, source: str) -> Shape:
    """Return the shape, changed so that this source makes its data deficient."""
    if source == "too few outputs":
        reach = [d * (k - 1) + 1 for d, k in zip(shape.params.dilation, shape.kernel, strict=True)]
        return replace(shape, samples=1, size=(reach[0], reach[1]))
    if source == "taps in the padding":
        params = Conv2dParams(1, 1, 1, shape.params.groups)
        return replace(shape, params=params, kernel=(3, 3), size=(1, 1))
    return replace(shape, inner=2) if source == "equal channels" else shape


def _displaced(training: Training) -> Training:
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
