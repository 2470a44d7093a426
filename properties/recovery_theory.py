"""What gradient descent on exact data does, exactly: the closed form, its limit, its speed.

Per group, with A the columns of the input (and a column of ones for the bias), the loss of an
output channel is c ||A k - y||^2, c = 1 ("sum") or 1 / (number of outputs of the batch) ("mean"),
and y = A k*. The error e_t = k_t - k* obeys, with torch's velocity v,

    v_{t+1} = mu v_t + 2c A_b^T A_b e_t,    e_{t+1} = e_t - lr v_{t+1},    v_0 = 0,

A_b being the rows of the step's batch; without momentum and on the full batch this is
e_t = (I - 2c lr A^T A)^t e_0. Its limit is the projection of e_0 on the null space of A, so that
k_t goes to k_0 + A^+ (y - A k_0), which is k* for every k_0 exactly if A has full column rank.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import cached_property

import numpy as np

import reference
from properties.case import Case
from properties.recovery_algebra import (
    Integers,
    as_integers,
    common_denominator,
    null_part,
    null_vectors,
    quotient,
    rank,
)
from properties.recovery_training import Training
from properties.values import Float64

RATE_BITS = 8  # of a learning rate: exact in float32, and short in exact arithmetic
MAX_STEPS = 64


def columns(weight: Float64, bias: Float64 | None, groups: int) -> Float64:
    """Return (..., groups, unknowns, channels): one column of unknowns per output channel."""
    lead, taps = weight.shape[:-4], math.prod(weight.shape[-3:])
    flat = weight.reshape(*lead, groups, -1, taps)
    if bias is not None:
        flat = np.concatenate([flat, bias.reshape(*lead, groups, -1, 1)], axis=-1)
    return flat.swapaxes(-1, -2)


def design(case: Case) -> Float64:
    """Return A as (groups, samples, positions, unknowns)."""
    p, x = case.params, case.arrays["input"]
    (kh, kw), (oh, ow) = case.weight.shape[-2:], case.output_shape[-2:]
    padded = reference.pad(x, p.pads((kh, kw)), p.padding_mode)
    (sh, sw), (dh, dw) = p.stride, p.dilation
    taps = np.empty((x.shape[0], oh, ow, x.shape[1], kh, kw))
    for u, w in np.ndindex(kh, kw):
        rows = slice(u * dh, u * dh + (oh - 1) * sh + 1, sh)
        across = slice(w * dw, w * dw + (ow - 1) * sw + 1, sw)
        taps[..., u, w] = padded[:, :, rows, across].transpose(0, 2, 3, 1)
    matrix = taps.reshape(x.shape[0], oh * ow, p.groups, -1).transpose(2, 0, 1, 3)
    if case.bias is not None:
        matrix = np.concatenate([matrix, np.ones((*matrix.shape[:-1], 1))], axis=-1)
    return np.ascontiguousarray(matrix)


class Problem:
    """The least-squares problem of a training, with everything that is exactly known about it."""

    def __init__(self, training: Training) -> None:
        self.training, case = training, training.case
        groups = case.params.groups
        self.start = columns(case.arrays["weight"], case.arrays.get("bias"), groups)
        self.truth = columns(*training.learnable, groups)
        self.design = design(case)
        self.batches = training.batches or ((0, case.input.shape[0]),)

    @cached_property
    def grams(self) -> list[Float64]:
        """A_b^T A_b of each batch, (groups, unknowns, unknowns)."""
        grams = []
        for start, stop in self.batches:
            rows = self.design[:, start:stop].reshape(*self.design.shape[:1], -1, self.unknowns)
            grams.append(rows.swapaxes(1, 2) @ rows)
        return grams

    @property
    def unknowns(self) -> int:
        """Weights, and bias if there is one, of an output channel."""
        return int(self.design.shape[-1])

    @property
    def outputs(self) -> list[int]:
        """Number of outputs in each batch."""
        per_sample = math.prod(self.training.case.output_shape[1:])
        return [(stop - start) * per_sample for start, stop in self.batches]

    @property
    def scales(self) -> list[Fraction]:
        """2c of each batch."""
        mean = self.training.reduction == "mean"
        return [Fraction(2, outputs if mean else 1) for outputs in self.outputs]

    @cached_property
    def gram(self) -> Float64:
        """A^T A of all samples."""
        rows = self.design.reshape(self.design.shape[0], -1, self.unknowns)
        return rows.swapaxes(1, 2) @ rows

    @cached_property
    def ranks(self) -> list[int]:
        """The exact rank of A, group by group: that of A^T A."""
        return [rank(as_integers(gram)) for gram in self.gram]

    @property
    def identifiable(self) -> bool:
        """Tell whether the data determine the kernel."""
        return all(found == self.unknowns for found in self.ranks)

    def null_vectors(self) -> list[Integers]:
        """Return, group by group, the integer columns that span the null space of A."""
        return [null_vectors(as_integers(gram)) for gram in self.gram]

    def tune(self) -> float:
        """Return the learning rate 1 / (c (smallest + largest nonzero eigenvalue of A_b^T A_b)).

        The smallest over the batches, rounded down: no factor I - 2c lr A_b^T A_b expands anything.
        """
        rates = []
        for scale, gram in zip(self.scales, self.grams, strict=True):
            found = nonzero_eigenvalues(gram)
            if found.size:
                rates.append(2 / (float(scale) * (found.min() + found.max())))
        fraction, exponent = math.frexp(min(rates, default=1.0))
        return math.ldexp(math.floor(fraction * 2**RATE_BITS), exponent - RATE_BITS)

    def contractions(self) -> Float64:
        """Return f with ||e_t - e_inf|| <= f[t] ||e_0|| for t = 0..MAX_STEPS, on the full batch.

        An eigenvalue s of A^T A turns (e, lr v) by B = [[1 - h, -mu], [h, mu]], h = 2c lr s, in the
        direction of its eigenvector, so f[t] = max over s > 0 of |(B^t)_00|; that is
        max |1 - h|^t without momentum. Rounding in the spectrum is covered by the last term.
        """
        if len(self.batches) > 1:
            raise ValueError("mini-batches have no common spectrum")
        h = float(self.scales[0]) * self.training.lr * nonzero_eigenvalues(self.grams[0])
        e, velocity = np.ones_like(h), np.zeros_like(h)
        factors = [1.0]
        for step in range(1, max(MAX_STEPS, self.training.steps) + 1):
            velocity = self.training.momentum * velocity + h * e
            e = e - velocity
            rounding = self.unknowns * step * step * 2.0**-48
            factors.append(float(np.abs(e).max(initial=0.0)) + rounding)
        return np.array(factors)

    def steps_to(self, eps: float) -> int:
        """Return the first t with contraction at most `eps`; MAX_STEPS if there is none."""
        reached = np.flatnonzero(self.contractions()[: MAX_STEPS + 1] <= eps)
        return int(reached[0]) if reached.size else MAX_STEPS

    @cached_property
    def errors(self) -> tuple[Integers, int]:
        """e_0 = k_0 - k* as integers over one denominator."""
        numerators, denominator = common_denominator(self.start)
        return numerators - as_integers(self.truth) * denominator, denominator

    def closed_form(self) -> Float64:
        """Return k_0..k_T of exact arithmetic, each number rounded once: (T+1, groups, ., .)."""
        rate, momentum = Fraction(self.training.lr), Fraction(self.training.momentum)
        p, q, r, s = *rate.as_integer_ratio(), *momentum.as_integer_ratio()
        grams = [as_integers(gram) for gram in self.grams]
        truth, (error, denominator) = as_integers(self.truth), self.errors
        velocity = np.zeros_like(error)
        iterates = [quotient(error + truth * denominator, denominator)]
        for step in range(self.training.steps):
            batch = step % len(self.batches)
            n, m = self.scales[batch].as_integer_ratio()
            # Over the new denominator, which is the old one times s m q.
            velocity = r * m * velocity + n * s * (grams[batch] @ error)
            error = s * m * q * error - p * velocity
            velocity, denominator = q * velocity, denominator * (s * m * q)
            iterates.append(quotient(error + truth * denominator, denominator))
        return np.stack(iterates)

    def limit(self) -> Float64:
        """Return k_0 + A^+ (y - A k_0) = k* + (projection of k_0 - k* on the null space of A)."""
        return self.truth + self.null_errors()

    def null_errors(self) -> Float64:
        """Return the projection of e_0 on the null space of A, which no step ever changes."""
        numerators, denominator = self.errors
        parts = []
        for gram, group in zip(self.gram, numerators, strict=True):
            projected, divisor = null_part(as_integers(gram), group)
            parts.append(quotient(projected, divisor * denominator))
        return np.stack(parts)


def nonzero_eigenvalues(grams: Float64) -> Float64:
    """Return the eigenvalues that are not zero: as many of the largest as the exact rank."""
    kept = []
    for gram in grams:
        values = np.linalg.eigvalsh(gram)
        kept.append(values[values.size - rank(as_integers(gram)) :])
    return np.concatenate(kept).clip(min=0.0)


def tuned(training: Training, eps: float | None = None) -> Training:
    """Return the training with the learning rate, and with `eps` the steps, of its spectrum."""
    training = replace(training, lr=Problem(training).tune())
    return training if eps is None else replace(training, steps=Problem(training).steps_to(eps))
