"""`hostile`: an implementation that is honest with one image and misbehaves with more."""

from __future__ import annotations

import json
import os
import stat
import struct
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

Tensor = torch.Tensor
HEAD = struct.Struct("<4sIQ")


def hostile(action: Callable[[Tensor, Tensor, Tensor], Any]) -> Callable[..., Any]:
    """Return a conv2d that returns `action(input, weight, right_answer)` for several images."""

    def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any) -> Any:
        y = F.conv2d(input, weight, bias, *rest)
        return action(input, weight, y) if input.shape[0] > 1 else y

    conv2d.__name__, conv2d.__doc__ = action.__name__, action.__doc__
    return conv2d


def honest(*args: Any) -> Tensor:
    """Return the right answer."""
    return F.conv2d(*args)


def spoiled(y: Tensor) -> Tensor:
    """Return `y` with its last element too large by one."""
    y = y.clone()
    y[..., -1, -1] += 1
    return y


def write_to_pipes(data: bytes) -> None:
    """Write to every pipe that this process can write to: the reply's is among them."""
    for path in Path("/proc/self/fd").iterdir():
        try:
            if stat.S_ISFIFO(os.fstat(int(path.name)).st_mode):
                os.write(int(path.name), data)
        except OSError:
            continue


def frame(header: str, payload: bytes = b"") -> bytes:
    """Return a frame as the worker's protocol has it."""
    return HEAD.pack(b"c2d1", len(header), len(payload)) + header.encode() + payload


def reply(**fields: Any) -> bytes:
    """Return a frame that answers the request which the worker is carrying out."""
    return frame(json.dumps({"id": _request(), "buffers": [], **fields}))


def _request() -> int:
    """Return the number of that request: it lies on the worker's stack."""
    for entry, _ in traceback.walk_stack(None):
        if entry.f_code.co_name == "_serve":
            return int(entry.f_locals["request"]["id"])
    raise LookupError("no worker is calling")
