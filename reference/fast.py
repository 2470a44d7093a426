"""Normwise radii of algorithms that transform tiles (Winograd) or whole planes (FFT).

Their outputs mix every element of a tile or a plane, and what cancels exactly on paper leaves
rounding errors of the largest: no bound by an output's own products can hold.

Tiles. In A' [sum over c of (G g_c G') * (B' d_c B)] A every term passes k roundings: the `steps` of
both axes, one product and C - 1 additions, or r C if one axis of r taps is summed directly. By
Higham's Lemma 3.1 the error is at most gamma(k, u) times the same expression in magnitudes. That is
at most kappa, the product of both axes' `growth`, times the sum over c of max|g_c| max|d_c| with
maxima over the tile. Which tile an output is in is unknown, so d runs over every tile that it
may be in. Gradual underflow adds u lambda to a rounding at most, as would magnitudes larger by
lambda after the transforms: so would operands, and products, larger by lambda / `least` for each
axis. Where results are flushed, an error of lambda takes the place of u lambda.

Planes. Higham, Accuracy and Stability, 2nd edition, Theorem 24.2: a transform of M = 2^t points has
the relative error tau = t e / (1 - t e) in the 2-norm, e = mu + gamma_4 (sqrt 2 + mu), with mu = u
for the rounded roots of unity. Let N = sum over c of |w_c| |x_c| in 2-norms, K the number of taps.
Two transforms, products and sums perturb the spectrum by at most M N r in the 1-norm, with
r = (1 + tau)^2 (1 + gamma_{C+5}) - 1, by Cauchy and Schwarz; that is N r in any output. The inverse
has the error tau times its 2-norm, at most sqrt(K) N (Young's inequality) plus sqrt(M) N r. So
|error| <= N (r + tau (sqrt(K) + sqrt(M) r)). Underflow in a stage of a transform costs u lambda per
element, like vectors longer by lambda sqrt(M); in products, like N larger by C lambda.

Of complex operands the magnitudes are those of `reference.contractions`, and three such sums are
combined as in `reference.direct`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from reference.arguments import Array, FloatArray
from reference.arithmetic import Arithmetic, gamma
from reference.bilinear import Bilinear
from reference.contractions import magnitude
from reference.direct import COMBINING
from reference.neighbours import around_inputs, around_outputs, windowed
from reference.padding import fold_array, pad_array
from reference.winograd import filter_axis, gradient_axis


class Normwise(NamedTuple):
    """The radius of a fast algorithm, and the largest magnitude of its intermediate results."""

    radius: FloatArray
    peak: FloatArray


def normwise(form: Bilinear, left: Array, right: Array, arithmetic: Arithmetic) -> Normwise | None:
    """Return the bound that the arithmetic's algorithm adds to the direct one, if any.

    Both results have shapes that broadcast to that of `form(left, right)`.
    """
    if arithmetic.algorithm == "direct":
        return None
    is_complex = np.iscomplexobj(left)
    sizes = magnitude(left), magnitude(right)
    with np.errstate(all="ignore"):
        by = _tiles if arithmetic.algorithm == "fast-tile" else _planes
        found = by(form, *sizes, arithmetic, COMBINING * is_complex)
    return Normwise(found.radius * (1 + is_complex), found.peak)


def _tiles(
    form: Bilinear, left: FloatArray, right: FloatArray, arithmetic: Arithmetic, extra: int
) -> Normwise:
    """Return the bound of Winograd's algorithm from magnitudes."""
    geometry = form.geometry
    find = gradient_axis if form.role == "weight" else filter_axis
    axes = find(geometry.kernel[0]), find(geometry.kernel[1])
    reaches = axes[0].reach, axes[1].reach
    if form.role == "output":
        parts = around_outputs(left, geometry, reaches), right.max((2, 3))[:, :, None, None]
    elif form.role == "input":
        parts = left.max((2, 3))[:, :, None, None], around_inputs(right, geometry, reaches)
    else:
        near = [reach * d for reach, d in zip(reaches, geometry.dilation, strict=True)]
        tiles = [(r, r, 1, size) for r, size in zip(near, geometry.output, strict=True)]
        parts = around_outputs(left, geometry, reaches), windowed(right, tiles)
    floor = _floor(arithmetic) / (axes[0].least * axes[1].least)
    mixed = _mixed(form, parts[0] + floor, parts[1] + floor) + floor * _depth(form)
    peak = axes[0].growth * axes[1].growth * mixed
    roundings = axes[0].steps + axes[1].steps + max(geometry.kernel) * _depth(form) + extra
    return Normwise(_relative(roundings, arithmetic) * peak, peak)


def _planes(
    form: Bilinear, left: FloatArray, right: FloatArray, arithmetic: Arithmetic, extra: int
) -> Normwise:
    """Return the bound of the fast Fourier transform from magnitudes."""
    geometry, u = form.geometry, arithmetic.u
    if form.role != "input":
        left = pad_array(left, geometry.pads, geometry.padding_mode)
    bits = 0
    for size, taps, d in zip(geometry.padded, geometry.kernel, geometry.dilation, strict=True):
        bits += (size + (taps - 1) * d - 1).bit_length()
    floor = _floor(arithmetic)
    longer = [_norms(each) + floor * math.sqrt(2.0**bits) for each in (left, right)]
    mixed = _mixed(form, longer[0], longer[1]) + floor * _depth(form)
    root = u + float(gamma(4, u)) * (math.sqrt(2) + u)
    tau = bits * root / (1 - bits * root)
    filters = geometry.output if form.role == "weight" else geometry.kernel
    spread = (1 + tau) ** 2 * (1 + _relative(_depth(form) + 5 + extra, arithmetic)) - 1
    last = tau * (math.sqrt(math.prod(filters)) + math.sqrt(2.0**bits) * spread)
    return Normwise((spread + last) * mixed, 2.0**bits * mixed)


def _norms(array: FloatArray) -> FloatArray:
    """Return 2-norms over the last two axes, which stay; scaled, so that no square underflows."""
    scale = array.max((2, 3), keepdims=True)
    ratio = array / np.where(scale > 0, scale, 1.0)
    norms: FloatArray = scale * np.sqrt(np.square(ratio).sum((2, 3), keepdims=True))
    return norms


def _floor(arithmetic: Arithmetic) -> float:
    """Return the magnitude whose relative error would be what underflow costs."""
    least = arithmetic.accumulator.smallest_normal
    return least / arithmetic.u if arithmetic.flushes else least


def _depth(form: Bilinear) -> int:
    """Return how many transformed products are added up."""
    geometry = form.geometry
    if form.role == "weight":
        return geometry.batch * math.prod(geometry.output)
    channels = geometry.in_channels if form.role == "output" else geometry.out_channels
    return channels // geometry.groups


def _relative(roundings: int, arithmetic: Arithmetic) -> float:
    """Return the excess over 1 of the roundings of a term, and of its two converted factors."""
    stored = arithmetic.operands or arithmetic.output
    converted = 0.0 if arithmetic.accumulator == stored else (1 + 2 * stored.u) ** 2 - 1
    grown = float(gamma(roundings * (4 if arithmetic.truncates else 1), arithmetic.u))
    return grown + converted * (1 + grown)


def _mixed(form: Bilinear, left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the sums of products over channels, or over images and positions, group by group."""
    geometry, groups = form.geometry, form.geometry.groups

    def flat(array: FloatArray) -> FloatArray:
        """Return (N, groups, channels of a group, positions)."""
        return array.reshape(
            len(array), groups, array.shape[1] // groups, math.prod(array.shape[2:])
        )

    if form.role == "weight":
        total: FloatArray = (flat(right) @ flat(left).swapaxes(2, 3)).sum(0)
        return total.reshape(*geometry.weight_shape[:2], 1, 1)
    shape = groups, geometry.out_channels // groups, geometry.in_channels // groups
    if form.role == "output":
        mixed = right.reshape(shape) @ flat(left)
        return mixed.reshape(geometry.batch, geometry.out_channels, *left.shape[2:])
    mixed = left.reshape(shape).swapaxes(1, 2) @ flat(right)
    mixed = mixed.reshape(geometry.batch, geometry.in_channels, *right.shape[2:])
    padded = np.broadcast_to(mixed, (*mixed.shape[:2], *geometry.padded))
    return fold_array(np.ascontiguousarray(padded), geometry.pads, geometry.padding_mode)
