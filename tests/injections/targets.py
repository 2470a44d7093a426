"""Implementations that tell which moment it is, and then wait to be hit.

A moment is a file in the folder that MOMENTS names. torch is imported on the first call only.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from tests.plugin_targets import agrees

FOREVER = 3600.0


def tell(moment: str) -> bool:
    """Note a moment; tell whether it is the first of its name in the whole run."""
    path = Path(os.environ["MOMENTS"], moment)
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def waits(*arguments: Any) -> Any:
    """Never return."""
    tell("call")
    time.sleep(FOREVER)


def waits_once(*arguments: Any) -> Any:
    """Wait in the first call of the run, and be right in all others."""
    if tell("call"):
        time.sleep(FOREVER)
    return agrees(*arguments)


def wrong_once(*arguments: Any) -> Any:
    """Be wrong in the first call of the run; leave a process behind and wait in the next one."""
    if tell("wrong"):
        return agrees(*arguments) + 1.0
    return forks_and_waits(*arguments)


def agrees_when_told(*arguments: Any) -> Any:
    """Be right, but not before the file `go` is there."""
    tell("waiting")
    while not Path(os.environ["MOMENTS"], "go").exists():
        time.sleep(0.01)
    return agrees(*arguments)


def forks_and_waits(*arguments: Any) -> Any:
    """Leave a process behind and never return."""
    if os.fork():
        tell("call")
    time.sleep(FOREVER)


def agrees_slowly(*arguments: Any) -> Any:
    """Be right, and give who watches the first call of the run a moment."""
    if tell("call"):
        time.sleep(0.5)
    return agrees(*arguments)


def wrong_slowly(*arguments: Any) -> Any:
    """Be wrong, and give who watches the first call of the run a moment."""
    return agrees_slowly(*arguments) + 1.0
