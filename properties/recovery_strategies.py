"""Hypothesis strategies for trainings: integer data, valid by construction, boundary first.

As in `properties.strategies`, every draw is `sampled_from` of fewer than 100 items, plainest first.
Learning rates, and where recovery is claimed numbers of steps, come from the spectrum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from properties.domain import Domain, OutOfDomain, active, pair_of
from properties.recovery_shapes import (
    Pair,
    Shape,
    deficient,
    displaced,
    impulses,
    origin,
)
from properties.recovery_theory import Problem, tuned
from properties.recovery_training import REDUCTIONS, Training
from properties.strategies import seeds
from properties.values import Recipe
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
GROUPS = {  # groups, channels of a group, output channels of a group
    "1": (1, (1, 2), (1, 2)),
    "2": (2, (2,), (1, 2)),
    "depthwise": (2, (1,), (1,)),
    "multiplier": (3, (1,), (2,)),
}
PASSES = ("weight", "weight+bias", "input+weight", "input+weight+bias")
BATCHES = ("full", "single", "backwards", "two")
MOMENTA = (0.0, 0.5, 0.875)
STEPS = (1, 2, 3, 5, 8)
DEFICIENCIES = ("constant input", "too few outputs", "equal channels", "taps in the padding")
SHAPED = {"kernel", "stride", "padding", "dilation", "groups", "batch"}

_among = lru_cache(maxsize=None)(st.sampled_from)
Draw = Callable[[st.SearchStrategy[Any]], Any]


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
    training = shape.training(draw(seeds()), impulses(shape))
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
    source = draw(_among(DEFICIENCIES[:1] if SHAPED & set(active().levels) else DEFICIENCIES))
    shape = deficient(draw(_shapes(domain)), source)
    seed = draw(seeds())
    x = Recipe("integers", 5 * seed).expand(shape.input)
    if source == "constant input":
        x = np.full(shape.input, 2.0)
    elif source == "equal channels":
        pairs = x.reshape(shape.samples, -1, 2, *shape.size)
        pairs[:, :, 1] = pairs[:, :, 0]
    training: Training = draw(_with_loops(displaced(shape.training(seed, x))))
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
        "dtype": ("float32", "float64"),
    }


@st.composite
def _shapes(draw: Draw, domain: Domain, inside: bool = False) -> Shape:
    """Return a strategy for shapes; with `inside` some output sees no padding."""
    if not any("bias" in passes for passes in domain.options("passes")):
        domain = domain.within(bias=("no",))

    def level(factor: str) -> str:
        return str(draw(_among(domain.options(factor))))

    kernel = draw(_among(KERNELS[level("kernel")]))
    stride, padding, dilation = (pair_of(level(f)) for f in ("stride", "padding", "dilation"))
    groups, inner, outer = GROUPS[level("groups")]
    spare, size = draw(_among((0, 1))), []
    for s, p, d, k in zip(stride, padding, dilation, kernel, strict=True):
        reach = d * (k - 1) + 1
        least = max(origin(s, p) + reach if inside else 1, d)
        size.append(max((draw(_among((1, 2, 3))) - 1) * s + reach - 2 * p, least) + spare)
    return Shape(
        params=Conv2dParams(stride, padding, dilation, groups),
        kernel=kernel,
        size=(size[0], size[1]),
        samples=int(level("batch")),
        inner=draw(_among(inner)),
        outer=draw(_among(outer)),
        bias=level("bias") == "yes",
        dtype=level("dtype"),
    )


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
