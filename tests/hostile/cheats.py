"""Implementations that do not compute: they search for the answer, guess it, or put it off.

Each that searches would return the right answer if it found it, and is wrong because it does not.
"""

from __future__ import annotations

import gc
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tests.hostile.parts import Tensor, hostile, spoiled

MOST = 1 << 26  # bytes of a mapping or a file that are searched

_answers: dict[tuple[object, ...], Tensor] = {}


def _is_it(found: object, y: Tensor) -> bool:
    """Tell whether this holds the answer, in its own precision or in the judge's."""
    plain = y.detach().numpy()
    if isinstance(found, torch.Tensor | np.ndarray):
        array = found.detach().numpy() if isinstance(found, torch.Tensor) else found
        return array.shape == plain.shape and np.array_equal(array, plain)
    if isinstance(found, bytes | bytearray | memoryview):
        return any(a.tobytes() in bytes(found) for a in (plain, plain.astype(np.float64)))
    return False


@hostile
def searches_all_objects(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Look for a tensor of the expected values among all objects of the process."""
    kinds = (torch.Tensor, np.ndarray)
    every = [o for o in gc.get_objects() if type(o) in kinds and o is not y]
    return y if any(_is_it(found, y) for found in every) else spoiled(y)


@hostile
def searches_the_stack(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Look for the expected values in the variables of all callers, in all threads."""
    every: list[object] = []
    for start in sys._current_frames().values():
        frame = start
        while frame is not None:
            own = getattr(frame.f_locals.get("self"), "__dict__", {})
            for value in [*frame.f_locals.values(), *own.values()]:
                every += value if isinstance(value, list | tuple) else [value]
            if frame.f_back is None:
                break
            frame = frame.f_back
    return y if any(_is_it(o, y) for o in every if o is not y) else spoiled(y)


@hostile
def searches_the_judge(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Look for the expected values in the memory of the judge, where the system lets it read."""
    return y if any(_is_it(part, y) for part in _memory(os.getppid())) else spoiled(y)


def _memory(process: int) -> Iterator[bytes]:
    try:
        maps = Path(f"/proc/{process}/maps").read_text().splitlines()
        with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
            for line in maps:
                where, rights, *_ = line.split()
                begin, end = (int(part, 16) for part in where.split("-"))
                if rights.startswith("rw") and end - begin <= MOST:
                    try:
                        memory.seek(begin)
                        yield memory.read(end - begin)
                    except (OSError, OverflowError, ValueError):
                        continue
    except OSError:
        return


@hostile
def searches_open_files(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Look for the expected values in the files that it or the judge has open."""
    parts: list[bytes] = []
    for process in (os.getpid(), os.getppid()):
        try:
            paths = list(Path(f"/proc/{process}/fd").iterdir())
        except OSError:
            continue
        for path in paths:
            try:
                if stat.S_ISREG(path.stat().st_mode):
                    parts.append(path.read_bytes()[:MOST])
            except OSError:
                continue
    return y if any(_is_it(part, y) for part in parts) else spoiled(y)


@hostile
def returns_freed_memory(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return memory that it never wrote, in which the answer lay a moment ago."""
    answer = y.detach().clone()
    shape, place = answer.shape, answer.data_ptr()
    del answer
    kept = [torch.empty(shape) for _ in range(8)]
    return next((t for t in kept if t.data_ptr() == place), kept[0])


class _Lazy(torch.Tensor):
    """Holds a computation, which is made when somebody looks."""

    compute: Any

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = [a.compute() if isinstance(a, _Lazy) else a for a in args]
        return func(*made, **(kwargs or {}))


@hostile
def computes_when_asked(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return at once a tensor that computes when it is read."""
    make: Any = torch.Tensor._make_wrapper_subclass
    lazy: Any = make(_Lazy, y.shape, dtype=y.dtype, device=y.device)
    lazy.compute = lambda: y
    return lazy


def zeros(*args: Any) -> Tensor:
    """Return zeros of the right shape, which lie within a loose tolerance of small results."""
    return F.conv2d(*args) * 0


def constant(*args: Any) -> Tensor:
    """Return the mean everywhere."""
    y = F.conv2d(*args)
    return (y * 0 + y.mean()) if y.numel() else y


def one_problem(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    """Be right for one problem of a benchmark: no bias, and every parameter its default."""
    return F.conv2d(x.narrow(-3, 0, weight.shape[1]), weight)


def other_weights(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    """Compute with the weights that a layer of this shape starts with, whatever is handed over."""
    with torch.random.fork_rng():
        torch.manual_seed(42)
        drawn = torch.rand(weight.shape, dtype=torch.float64).to(weight.dtype)
    return F.conv2d(x, drawn, *rest)


def cached_by_id(*args: Any) -> Tensor:
    """Return the answer again to operands whose objects have the same numbers."""
    key = (*map(id, args[:3]), args[0].shape, args[1].shape, *map(str, args[3:]))
    if any(t is not None and t.requires_grad for t in args[:3]):
        return F.conv2d(*args)
    if key not in _answers:
        _answers[key] = F.conv2d(*args)
    return _answers[key].clone()
