"""Which results an infinity or NaN may reach through a term that has no partner of its own.

The bfloat16 instruction VDPBF16PS adds two products at a time. Of an odd number of terms the last
is paired with what lies next to it in memory, times zero: harmless unless that is no finite number.
oneDNN pairs channels (of the input for the output, of grad_output for the gradient of the input)
and, for the gradient of the weight, columns of the output.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

import reference
from properties.case import Case
from properties.dtypes import Exact
from reference import Enclosure

Mask = npt.NDArray[np.bool_]


def explains(observed: Exact, balls: Iterable[Enclosure], case: Case, name: str) -> bool:
    """Tell whether all that is wrong are NaN in results that are `paired` with a special number."""
    if case.dtype != "bfloat16":
        return False
    excused = paired(case, name) & np.isnan(observed)
    return any(bool((ball.contains(observed) | excused).all()) for ball in balls)


def paired(case: Case, name: str) -> Mask:
    """Return which elements of a result have a term that is paired with an infinity or NaN.

    Or with zero, where the infinity is the term's own. A superset: what lies next depends on how a
    kernel packs its operands, so pixels are taken to be next to those before them in all channels.
    """
    a, p = case.arrays, case.params
    w, per_group, width = a["weight"], case.weight.shape[0] // p.groups, case.output_shape[-1]
    ones, images = np.ones(w.shape), np.ones(case.input.shape)
    found = np.zeros(case.output_shape if name == "output" else case.tensors[name].shape)
    if name == "output" and w.shape[1] % 2:
        padded = _beside(reference.pad(_special(a["input"]), p.pads(w.shape[-2:]), p.padding_mode))
        bare = {**case.arguments, "padding": 0, "padding_mode": "zeros"}
        found = reference.conv2d(padded, ones, **bare)
        found = found + reference.conv2d(images, _special(w), **case.arguments)
    if name == "input" and per_group % 2:
        for factors in (
            (_special(w), np.ones(case.output_shape)),
            (ones, _beside(_special(a["grad_output"]))),
        ):
            found = found + reference.conv2d_input(case.input.shape, *factors, **case.arguments)
    if name == "weight" and width % 2:
        gradients = np.ones(case.output_shape)
        for x, g in ((images, _special(a["grad_output"])), (_special(a["input"]), gradients)):
            found = found + reference.conv2d_weight(x, w.shape, g, **case.arguments)
        found = found + _behind(case)
    return np.asarray(found > 0)


def _special(values: Exact) -> Exact:
    return (~np.isfinite(values)).astype(np.float64)


def _beside(special: Exact) -> Exact:
    """Return 1 in every channel of pixels with a 1 in any, and of the pixels before them."""
    pixels = special.max(axis=-3, initial=0.0)
    before = np.append(pixels.ravel()[1:], 0.0)[: pixels.size].reshape(pixels.shape)
    both = np.expand_dims(np.maximum(pixels, before), -3)
    return np.broadcast_to(both, special.shape).copy()


def _behind(case: Case) -> Mask:
    """Return the taps that read an infinity or NaN behind their last column, in any row."""
    x, p, shape = case.arrays["input"], case.params, case.weight.shape
    padded = reference.pad(_special(x), p.pads(shape[-2:]), p.padding_mode)
    columns = np.max(padded, axis=-2).reshape(-1, x.shape[-3], padded.shape[-1]).max(0, initial=0.0)
    per_group = shape[0] // p.groups
    found = np.zeros(shape, np.bool_)
    for tap in range(shape[-1]):
        column = case.output_shape[-1] * p.stride[1] + tap * p.dilation[1]
        if column < columns.shape[-1]:
            hit = np.repeat(columns[:, column].reshape(p.groups, -1), per_group, axis=0)
            found[..., tap] = hit[:, :, None] > 0
    return found
