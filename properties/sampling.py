"""Where to look at a result that is too large to be judged as a whole, and the enclosures there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import numpy.typing as npt

import reference
from properties.case import Case
from properties.dtypes import Exact
from properties.judge import Verdict, judge
from properties.values import counter_hash
from reference import Arithmetic, Enclosure, Modular
from reference.at import (
    Elements,
    enclose_conv2d_at,
    enclose_conv2d_input_at,
    enclose_conv2d_weight_at,
)

Flat = npt.NDArray[np.int64]

RANDOM = 64
PRODUCTS = 1 << 22  # of the sampled elements of a gradient of the weight: each is a long sum


def sample(shape: tuple[int, ...], most: int = 2**62) -> Flat:
    """Return flat indices of an array of this shape, ascending; a random part if over `most`.

    They are its corners; both sides of each power of two of the flat index and of the index along
    each axis, where tiles end and integers overflow; and `RANDOM` more, hashed from their number.
    """
    size = math.prod(shape)
    if not size:
        return np.zeros(0, np.int64)
    corners = product(*({0, extent - 1} for extent in shape))
    flat = {_flat(corner, shape) for corner in corners}
    flat |= set(_sides(size))
    # Three times 2**31 is the first overflow that is no power of two.
    flat |= {index for index in (3 * 2**31 - 1, 3 * 2**31) if index < size}
    edges = [(axis, index) for axis, extent in enumerate(shape) for index in _sides(extent)]
    hashed = [int(bits) % size for bits in counter_hash(0, RANDOM + len(edges))]
    flat |= set(hashed[:RANDOM])
    for (axis, index), place in zip(edges, hashed[RANDOM:], strict=True):
        step = math.prod(shape[axis + 1 :])
        flat.add(place + (index - place // step % shape[axis]) * step)
    chosen = np.array(sorted(flat), np.int64)
    if len(chosen) > most:
        order = np.argsort(counter_hash(1, len(chosen)))
        chosen = np.sort(chosen[order[: max(most, 1)]])
    return chosen


def enclose_at(
    case: Case,
    name: str,
    arithmetic: Arithmetic | Modular,
    places: Flat,
    elements: Mapping[str, Elements] | None = None,
) -> Enclosure:
    """Return the enclosure of the elements of one result at flat indices: (P,).

    `elements` stands for the case's own arrays. Of a padded input in a mode other than zeros there
    is no enclosure of single elements of the gradient: a ValueError.
    """
    a = case.arrays if elements is None else elements
    rest = {**case.arguments, "arithmetic": arithmetic}
    if name == "output":
        index = unflat(places, case.output_shape)
        return enclose_conv2d_at(index, a["input"], a["weight"], a.get("bias"), **rest)
    if name == "weight":
        size = case.weight.shape
        return enclose_conv2d_weight_at(
            unflat(places, size), a["input"], size, a["grad_output"], **rest
        )
    if name == "input":
        if rest.pop("padding_mode") != "zeros":
            raise ValueError("the gradient of a padded input has no enclosure of single elements")
        size = case.input.shape
        return enclose_conv2d_input_at(
            unflat(places, size), size, a["weight"], a["grad_output"], **rest
        )
    return reference.enclose_conv2d_bias(a["grad_output"], arithmetic=arithmetic)[places]


def judge_at(
    observed: Exact, places: Flat, shape: tuple[int, ...], enclosure: Enclosure
) -> Verdict:
    """Compare elements, at flat indices of a result of this shape, with their enclosure."""
    verdict = judge(observed, enclosure)
    if not verdict.size:
        return verdict
    index = np.unravel_index(places[verdict.index[0]], shape)
    return replace(verdict, index=tuple(int(i) for i in index))


def _sides(extent: int) -> list[int]:
    """Return both sides of each power of two below `extent`, and the first and the last index."""
    powers = (2**k for k in range(extent.bit_length()))
    sides = {0, extent - 1}.union(*((power - 1, power) for power in powers))
    return sorted(index for index in sides if index < extent)


def _flat(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    flat = 0
    for i, extent in zip(index, shape, strict=True):
        flat = flat * extent + i
    return flat


def unflat(places: Flat, shape: tuple[int, ...]) -> Flat:
    """Return the index along each axis, (P, axes), of flat indices."""
    return np.stack(np.unravel_index(places, shape), axis=1)
