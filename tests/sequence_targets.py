"""Implementations whose defect is in what they keep, or leave behind, and what tests them.

torch is imported on the first call only, as in `tests.plugin_targets`.
"""

from __future__ import annotations

import itertools
import os
import runpy
import time
from pathlib import Path
from typing import Any

from tests.plugin_targets import agrees, doubles_its_input

_calls = itertools.count()
_buffers: dict[str, Any] = {}


def doubles_its_second_input(*arguments: Any) -> Any:
    """Leave another input behind from the second call on."""
    return doubles_its_input(*arguments) if next(_calls) else agrees(*arguments)


def requires_the_same_tensors(*arguments: Any) -> Any:
    """Refuse tensors that are not those of the first call."""
    first = _buffers.setdefault("first", arguments[:3])
    if any(one is not other for one, other in zip(first, arguments[:3], strict=True)):
        raise ValueError("other tensors")
    return agrees(*arguments)


def wrong_in_every_second_process(*arguments: Any) -> Any:
    """Add one in every second process that makes a call; a file, named by TURNS, counts them."""
    path = Path(os.environ["TURNS"])
    if "wrong" not in _buffers:
        _buffers["wrong"] = len(path.read_text()) % 2 == 0
        path.write_text(path.read_text() + ".")
    return agrees(*arguments) + _buffers["wrong"]


def forks_and_hangs(*arguments: Any) -> Any:
    """Leave a process behind, write its number to the file that FORKED names, and never return."""
    child = os.fork()
    if child:
        path = Path(os.environ["FORKED"])
        path.with_suffix(".new").write_text(str(child))
        path.with_suffix(".new").rename(path)
    time.sleep(3600)


def problems(text: str, directory: Path, target: str) -> list[str]:
    """Return what a script finds wrong with a target, in this process."""
    import torch

    path = directory / "inside.py"
    path.write_text(text)
    listed = runpy.run_path(str(path))["problems"]
    listed.__globals__["TARGET"] = target
    return list(listed(torch))
