"""Every iterate that torch's SGD may return, from the one observed before; what that adds up to.

One step, with u the unit roundoff of the dtype, k and v as observed (so exact), and every hat what
the machine computes. gamma(n) = n u / (1 - n u).

    out    conv2d(x, k) + bias. |out^ - out| <= R_out, the radius of the implementation's
           declared arithmetic: `enclose_conv2d`.
    G      2c (out - y), elementwise in torch: one subtraction, and at most 3 roundings in the loss
           and in 1/M of the mean. |G^ - G| <= R_G = 2c ((1 + gamma(4)) R_out + gamma(4) |out - y|).
    g      A^T G, the implementation's gradient of the operand G^. Its n nonzero products have
           magnitudes of at most |A| (|G| + R_G) and are added as its arithmetic says
           (`direct_radius`); besides, A^T moves by |A|^T R_G. The sum of both is R_g.
    v'     mu v + g: two roundings of mu v (mu itself and the product), one of the sum:
           |v'^ - v'| <= (R_g + gamma(2) |mu v|) (1 + u) + u |v'|.
    k'     k - lr v'^ with v'^ observed: two roundings of the product, one of the difference.
           Without momentum torch keeps no v', and lr R_g comes in addition.

A batch is the full problem with G = 0 on all other samples: products with zeros do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import reference
from properties.dtypes import DTYPES
from properties.recovery_descent import Descent
from properties.recovery_theory import Problem, columns
from properties.values import Float64
from reference import Arithmetic, Enclosure, gamma
from reference.direct import direct_radius
from reference.winograd import POINTS, filter_axis, gradient_axis

LOSS_ROUNDINGS = 4
# The dearest tile in use, whatever the size of the kernel.
TILES = [axis(taps) for taps in range(1, len(POINTS) + 1) for axis in (filter_axis, gradient_axis)]
KAPPA = max(tile.growth for tile in TILES) ** 2
STEPS = 2 * max(tile.steps for tile in TILES)
INFLATION = 1 + 2.0**-30  # for the evaluation of the radii themselves
OWN = 2.0**-53  # unit roundoff of this module's arithmetic


@dataclass(frozen=True, eq=False)
class Steps:
    """Enclosures of k_1..k_T and, with momentum, of v_1..v_T: (T, groups, unknowns, channels)."""

    iterates: Enclosure
    velocities: Enclosure | None


def enclose_steps(
    problem: Problem, descent: Descent, arithmetic: Arithmetic, fast: bool = False
) -> Steps:
    """Return what each step may lead to from the iterate observed before it.

    With `fast` the two convolutions are held to the bound of fast algorithms only.
    """
    training, groups = problem.training, problem.training.case.params.groups
    lr, mu = training.lr, training.momentum
    u, eta = _elementwise(training.case.dtype)
    k = columns(descent.weight, descent.bias, groups)
    gradient = enclose_gradients(problem, descent, arithmetic, fast)
    if descent.weight_velocity is None:
        moved, spread = gradient.mid, gradient.rad
        velocities = None
    else:
        v = columns(descent.weight_velocity, descent.bias_velocity, groups)
        mid = mu * v[:-1] + gradient.mid
        terms = mu * np.abs(v[:-1]) + np.abs(gradient.mid)
        rad = (gradient.rad + gamma(2, u) * mu * np.abs(v[:-1])) * (1 + u) + u * np.abs(mid)
        velocities = Enclosure(mid, (rad + 4 * OWN * terms + 2 * eta) * INFLATION)
        moved, spread = v[1:], np.zeros_like(mid)
    mid = k[:-1] - lr * moved
    product = lr * (spread + gamma(2, u) * (np.abs(moved) + spread))
    own = 4 * OWN * (np.abs(k[:-1]) + lr * np.abs(moved))
    rad = product * (1 + u) + u * np.abs(mid) + own + 2 * eta
    return Steps(Enclosure(mid, rad * INFLATION), velocities)


def enclose_gradients(
    problem: Problem, descent: Descent, arithmetic: Arithmetic, fast: bool = False
) -> Enclosure:
    """Return the gradients at the iterates 0..T-1, of the batches of the steps 1..T.

    The T iterates go through the oracle as T times as many output channels.
    """
    case, steps = problem.training.case, problem.training.steps
    p, x = case.params, case.arrays["input"]
    options: dict[str, Any] = {
        "stride": p.stride,
        "padding": p.padding,
        "dilation": p.dilation,
        "groups": p.groups,
        "padding_mode": p.padding_mode,
    }
    weight = _stack(descent.weight[:-1], p.groups)
    bias = None if descent.bias is None else _stack(descent.bias[:-1], p.groups)
    out = reference.enclose_conv2d(x, weight, bias, **options, arithmetic=arithmetic)
    if fast:
        out = Enclosure(out.mid, out.rad + fast_radius(weight.shape[1], x, weight))
    g, reach = _loss_gradients(problem, out)

    def by_weight(left: Float64, right: Float64) -> Float64:
        result: Float64 = reference.conv2d_weight(left, weight.shape, right, **options)
        return result

    largest = np.abs(g) + reach
    products = by_weight(np.not_equal(x, 0) * 1.0, np.not_equal(largest, 0) * 1.0)
    rad = direct_radius(products, 0, by_weight(np.abs(x), largest), arithmetic)
    if fast:
        rad += fast_radius(case.output_positions, x, largest)
    weights = by_weight(x, g), (rad + by_weight(np.abs(x), reach)) * INFLATION
    if bias is None:
        mid, rad = (columns(_unstack(a, steps, p.groups), None, p.groups) for a in weights)
        return Enclosure(mid, rad)
    addends = np.count_nonzero(largest, axis=(0, 2, 3))
    rad = direct_radius(0, addends, reference.conv2d_bias(largest), arithmetic)
    biases = reference.conv2d_bias(g), (rad + reference.conv2d_bias(reach)) * INFLATION
    mid, rad = (
        columns(_unstack(w, steps, p.groups), _unstack(b, steps, p.groups), p.groups)
        for w, b in zip(weights, biases, strict=True)
    )
    return Enclosure(mid, rad)


def fast_radius(terms: int, left: Float64, right: Float64) -> float:
    """Return the normwise radius of Winograd's algorithm (`reference.fast`), in float32."""
    largest = float(np.abs(left).max(initial=0.0) * np.abs(right).max(initial=0.0))
    return float(gamma(STEPS + terms, 2.0**-24)) * KAPPA * terms * largest


def _loss_gradients(problem: Problem, out: Enclosure) -> tuple[Float64, Float64]:
    """Return 2c (out - y) and its radius; zero, exactly, outside the batch of the step."""
    training, case = problem.training, problem.training.case
    groups, steps = case.params.groups, training.steps
    u, eta = _elementwise(case.dtype)
    shape = (case.input.shape[0], groups, steps, -1, *case.output_shape[-2:])
    y = training.target.reshape(shape[0], groups, 1, -1, *shape[-2:])
    mid, rad = out.mid.reshape(shape), out.rad.reshape(shape)
    scale = np.zeros((shape[0], 1, steps, 1, 1, 1))
    for step, (start, stop) in enumerate(training.schedule):
        scale[start:stop, :, step] = float(problem.scales[step % len(problem.batches)])
    g = scale * (mid - y)
    magnitude = np.abs(mid) + np.abs(y) + rad
    grown = gamma(LOSS_ROUNDINGS, u)
    reach = (1 + grown) * rad + grown * np.abs(mid - y) + 4 * OWN * magnitude
    reach = np.where(scale == 0, 0.0, (scale * reach + 4 * eta) * INFLATION)
    return g.reshape(out.mid.shape), reach.reshape(out.mid.shape)


def _elementwise(dtype: str) -> tuple[float, float]:
    """Return the unit roundoff and the smallest subnormal of torch's elementwise operations."""
    facts = np.finfo(DTYPES[dtype].stored)
    return float(facts.eps) / 2, float(facts.smallest_subnormal)


def _stack(array: Float64, groups: int) -> Float64:
    """Turn (T, Cout, ...) into (groups * T * Cout / groups, ...): group by group, then by step."""
    split = array.reshape(len(array), groups, -1, *array.shape[2:])
    return np.ascontiguousarray(split.swapaxes(0, 1)).reshape(-1, *array.shape[2:])


def _unstack(array: Float64, steps: int, groups: int) -> Float64:
    """Undo `_stack`."""
    split = array.reshape(groups, steps, -1, *array.shape[1:]).swapaxes(0, 1)
    return np.ascontiguousarray(split).reshape(steps, -1, *array.shape[1:])


def accumulated_radii(problem: Problem, steps: Steps) -> Float64:
    """Return how far k_0..k_T may be from the closed form if every step keeps to its enclosure.

    The deviation d of (k, v) obeys d_{t+1} = M_t d_t + r_t with M_t the exact iteration matrix and
    |r_t| <= rho_t, so |d_t| <= sum over s < t of |M_{t-1} ... M_{s+1}| rho_s.
    """
    rho, matrices = _state_radii(problem, steps), _iteration_matrices(problem)
    size = matrices[0].shape[-1]
    identity = np.eye(size)
    rounding = float(gamma(size + 8, OWN))
    phi = error = np.empty((0, *matrices[0].shape))
    radii = [np.zeros(rho.shape[1:])]
    for step in range(len(rho)):
        matrix = matrices[step % len(matrices)]
        magnitude = np.abs(matrix)
        # The rounding of the matrices and of their products is bounded along with them.
        own = rounding * (magnitude + 2 * identity)
        error = magnitude @ error + own @ (np.abs(phi) + error)
        phi = np.concatenate([matrix @ phi, np.broadcast_to(identity, (1, *matrix.shape))])
        error = np.concatenate([error, np.zeros((1, *matrix.shape))])
        radii.append(((np.abs(phi) + error) @ rho[: step + 1]).sum(0) * INFLATION)
    return np.stack(radii)[:, :, : problem.unknowns]


def _state_radii(problem: Problem, steps: Steps) -> Float64:
    if steps.velocities is None:
        return steps.iterates.rad
    # k' is enclosed from the observed v', so its own deviation carries lr times that of v'.
    rad = steps.iterates.rad + problem.training.lr * steps.velocities.rad
    return np.concatenate([rad, steps.velocities.rad], axis=2)


def _iteration_matrices(problem: Problem) -> list[Float64]:
    """Return, per batch, I - 2c lr A^T A, or its counterpart for (k, v)."""
    lr, mu = problem.training.lr, problem.training.momentum
    identity = np.eye(problem.unknowns)
    matrices = []
    for scale, gram in zip(problem.scales, problem.grams, strict=True):
        hessian = float(scale) * gram
        if not mu:
            matrices.append(identity - lr * hessian)
            continue
        inertia = np.broadcast_to(mu * identity, hessian.shape)
        top = np.concatenate([identity - lr * hessian, -lr * inertia], axis=2)
        matrices.append(np.concatenate([top, np.concatenate([hessian, inertia], axis=2)], axis=1))
    return matrices
