"""What whole results tell: which elements a NaN reaches, and what their bits depend on.

Each probe takes a `Dot` for its result and setting, and places no sums of its own choosing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

import reference
from properties.case import Case
from properties.dots import GRADIENTS, Dot, Setting
from properties.dtypes import DTYPES, Exact
from properties.values import Recipe

Mask = npt.NDArray[np.bool_]
PLANE = 20  # input rows and columns: more than one tile of every algorithm known
FILTERS = 8  # output channels where the number of input channels is what matters
REPEATS = 5


def infection(dot: Dot) -> str:
    """Return "direct" if a NaN reaches those elements alone that are defined by it, else how far.

    "tile HxW" is the least distance of the boundaries of what NaNs at consecutive pixels reach, and
    "plane" a tile of the whole extent; "beside" if the boundaries move with the NaN, "batch" if
    another image is reached, "spread" if another channel of the gradient of weight or bias is,
    "lost" if the NaN does not reach all that it should. For the gradient of weight it is the taps
    that a NaN in a corner reaches, which one tap sees; of a 1x1 kernel there are no others.
    """
    return _taps(dot) if dot.result == "weight" else _positions(dot)


def _positions(dot: Dot) -> str:
    """Return how far NaNs reach in rows and columns, and in images."""
    found = [_reach(dot, images) for images in _pixels(dot.setting)]
    if all(np.array_equal(reached, seen) for reached, seen in found):
        return "direct"
    if any((seen & ~reached).any() for reached, seen in found):
        return "lost"
    if dot.result == "bias":
        return "spread"
    if any((reached & ~seen.any(axis=(1, 2, 3), keepdims=True)).any() for reached, seen in found):
        return "batch"
    planes: Mask = np.concatenate([np.any(reached, axis=1) for reached, _ in found])
    tile = _tile(np.any(planes, axis=2)), _tile(np.any(planes, axis=1))
    if tile == (1, 1):
        return "beside"
    return "plane" if tile == planes.shape[1:] else "tile {}x{}".format(*tile)


def _taps(dot: Dot) -> str:
    """Return how far a NaN in a corner of the input reaches in the gradient of weight.

    The call has the form of a `Dot`'s, so what is found holds for the sums that a `Dot` asks for.
    """
    operands: dict[str, Exact] = {
        k: np.ones(v.shape) for k, v in _random(dot.setting, "float32").items()
    }
    operands["input"][0, 0, 0, 0] = np.nan
    reached: Mask = np.isnan(_array(dot, operands))
    if not reached[:, 0, 0, 0].all():
        return "lost"
    if reached[:, 1:].any():
        return "spread"
    rows, columns = (
        int(np.flatnonzero(reached[:, 0].any(axis)).max()) + 1 for axis in ((0, 2), (0, 1))
    )
    return "direct" if (rows, columns) == (1, 1) else f"tile {rows}x{columns}"


def _pixels(setting: Setting) -> list[tuple[tuple[int, int], ...]]:
    """Return the NaNs of each call, as pairs of an image and a row, which is the column too.

    One more consecutive pixel than the kernel is wide: some lie in a single tile, or together they
    meet every boundary. In a batch every other image stays clean.
    """
    rows = [setting.kernel - 1 + i for i in range(setting.kernel + 1)]
    if setting.batch == 1:
        return [((0, row),) for row in rows]
    return [tuple((2 * i, row) for i, row in enumerate(rows))]


def _reach(dot: Dot, images: tuple[tuple[int, int], ...]) -> tuple[Mask, Mask]:
    """Return where NaNs come back, and where the definition sees them.

    The pixels lie so far inside that every tap of the kernel meets them.
    """
    s, side = dot.setting, PLANE - dot.setting.kernel + 1
    operands: dict[str, Exact] = {
        "input": np.ones((s.batch, s.channels, PLANE, PLANE)),
        "weight": np.ones((FILTERS, s.channels, s.kernel, s.kernel)),
        "grad_output": np.ones((s.batch, FILTERS, side, side)),
    }
    for image, row in images:
        carrier = "input" if dot.result == "output" else "grad_output"
        operands[carrier][image, 0, row, row] = np.nan
    reached: Mask = np.isnan(_array(dot, operands))
    seen = np.zeros_like(reached)
    for image, row in images:
        if dot.result == "bias":
            seen[0] = True
        else:
            first = row - s.kernel + 1 if dot.result == "output" else row
            square = slice(first, first + s.kernel)
            seen[image, :, square, square] = True
    return reached, seen


def _tile(reached: Mask) -> int:
    """Return the least distance of two boundaries of what is reached, over (images, positions)."""
    padded = np.pad(reached, ((0, 0), (1, 1)))
    edges = np.unique(np.nonzero(padded[:, 1:] != padded[:, :-1])[1])
    return int(np.diff(edges).min())


def _random(s: Setting, dtype: str, kind: str = "normal") -> dict[str, Exact]:
    """Return dense operands of the shapes that a `Dot` has."""
    c, k, side = s.channels, s.kernel, s.extent + s.kernel - 1
    shapes = {"input": (s.batch, c, side, side), "weight": (c, c, k, k)}
    shapes["grad_output"] = (s.batch, c, s.extent, s.extent)
    seeds = {name: 2 * i for i, name in enumerate(shapes)}
    found: dict[str, Any] = {k: Recipe(kind, seeds[k]).expand(v) for k, v in shapes.items()}
    if DTYPES[dtype].kind == "complex":
        for name, shape in shapes.items():
            found[name] = found[name] + 1j * Recipe(kind, seeds[name] + 1).expand(shape)
    return found


def _call(dot: Dot, operands: dict[str, Exact], padding: int = 0) -> Case:
    """Return the forward call where the output is asked for, else that of a training step."""
    forward = dot.result == "output"
    given = {k: v for k, v in operands.items() if not (forward and k == "grad_output")}
    return dot.setting.call(dot.dtype, given, () if forward else GRADIENTS, padding)


def _array(dot: Dot, operands: dict[str, Exact], padding: int = 0) -> Exact:
    return dot.run(_call(dot, operands, padding)).arrays[dot.result]


def integers(dot: Dot) -> str:
    """Return "exact" if sums of products of integers up to 4 come back rounded once, to nearest."""
    operands = _random(dot.setting, dot.dtype, "integers")
    exact = _sums(dot.result, dot.setting, DTYPES[dot.dtype].kind)
    same = np.array_equal(_array(dot, operands), DTYPES[dot.dtype].rounded(exact))
    return "exact" if same else "inexact"


@lru_cache(maxsize=32)
def _sums(result: str, s: Setting, kind: str) -> Exact:
    """Return the exact result for the integers of `integers`."""
    x, w, g = _random(s, "complex64" if kind == "complex" else "float32", "integers").values()
    exact: dict[str, Callable[[], Exact]] = {
        "output": lambda: reference.conv2d(x, w),
        "input": lambda: reference.conv2d_input(x.shape, w, g),
        "weight": lambda: reference.conv2d_weight(x, w.shape, g),
        "bias": lambda: reference.conv2d_bias(g),
    }
    return exact[result]()


def repeated(dot: Dot) -> str:
    """Return whether the same call gives the same bits five times."""
    operands = _random(dot.setting, dot.dtype)
    case = _call(dot, operands)
    bits = {dot.run(case, attempt).raw[dot.result] for attempt in range(REPEATS)}
    return _same(len(bits) == 1)


def reordered(dot: Dot) -> str | None:
    """Return whether the order of the addends (channels; images for weight and bias) matters."""
    if dot.result in ("weight", "bias") and dot.setting.batch == 1:
        return None
    operands = _random(dot.setting, dot.dtype)
    before = _array(dot, operands)
    axes = {
        "output": {"input": 1, "weight": 1},
        "input": {"grad_output": 1, "weight": 0},
        "weight": {"input": 0, "grad_output": 0},
        "bias": {"input": 0, "grad_output": 0},
    }[dot.result]
    flipped = {k: np.flip(v, axes[k]) if k in axes else v for k, v in operands.items()}
    return _same(np.array_equal(before, _array(dot, flipped)))


def alone(dot: Dot) -> str | None:
    """Return whether the first image gives the same bits alone as in its batch."""
    if dot.result in ("weight", "bias") or dot.setting.batch == 1:
        return None
    operands = _random(dot.setting, dot.dtype)
    first = {k: v if k == "weight" else v[:1] for k, v in operands.items()}
    together, single = (_array(dot, o) for o in (operands, first))
    return _same(np.array_equal(together[:1], single))


def other_layout(dot: Dot) -> str | None:
    """Return whether channels_last operands give the same bits as contiguous ones."""
    if dot.setting.layout != "contiguous":
        return None
    last = replace(dot, setting=replace(dot.setting, layout="channels_last"))
    operands = _random(dot.setting, dot.dtype)
    return _same(np.array_equal(_array(dot, operands), _array(last, operands)))


def _same(same: bool) -> str:
    return "same bits" if same else "other bits"


def padding_times_infinity(dot: Dot) -> str | None:
    """Return what an infinity gives that meets a zero of the padding only: "NaN", or "skipped".

    The infinity is the first tap of the kernel; for the gradient of weight, which has no kernel
    among its factors, the first pixel of grad_output.
    """
    s = dot.setting
    if dot.result == "bias" or s.kernel == 1:
        return None
    operands = {k: np.ones(v.shape) for k, v in _random(s, "float32").items()}
    side = s.extent + 2 * (s.kernel // 2)
    operands["grad_output"] = np.ones((s.batch, s.channels, side, side))
    operands["grad_output" if dot.result == "weight" else "weight"][0, 0, 0, 0] = np.inf
    got = _array(dot, operands, s.kernel // 2)
    place = (0, 0, -1, -1) if dot.result == "input" else (0, 0, 0, 0)
    return "NaN" if np.isnan(got[place]) else "skipped"
