"""The device of `tests.outside.standin`, which this import brings too, and a fault on it."""

from __future__ import annotations

from typing import Any

from tests.outside.standin import conv2d


def adds_one(*arguments: Any) -> Any:
    """Add one."""
    return conv2d(*arguments) + 1
