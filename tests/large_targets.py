"""Implementations for large calls: each is F.conv2d but for one fault of form or conduct."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.nn.functional as F


def short(*arguments: Any) -> Any:
    """Drop the last column."""
    return F.conv2d(*arguments)[..., :-1]


def double(*arguments: Any) -> Any:
    """Return float64."""
    return F.conv2d(*arguments).double()


def nothing(*arguments: Any) -> None:
    """Return no tensor."""


def raises(*arguments: Any) -> Any:
    """Refuse what is large."""
    raise RuntimeError("integer out of range")


def ends(*arguments: Any) -> Any:
    """End the process."""
    os._exit(3)


def strided(*arguments: Any) -> Any:
    """Return the right output in another order of memory."""
    y = F.conv2d(*arguments)
    return torch.stack([y, y], -1)[..., 1]
