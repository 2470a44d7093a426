"""Properties of 2-D convolution, checked against any implementation in a process of its own.

`verify("package.module:name")` runs them all; `Case` is one concrete call; `watch(model)` judges
the convolutions inside a model while it runs. They are imported on first use, because pytest loads
this package in every run of an environment it is installed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from properties.case import Case
    from properties.verification import Report, verify
    from properties.watched import Watched
    from properties.watcher import watch

__all__ = ["Case", "Report", "Watched", "verify", "watch"]

_HOMES = {
    "Case": "properties.case",
    "Report": "properties.verification",
    "Watched": "properties.watched",
    "verify": "properties.verification",
    "watch": "properties.watcher",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'properties' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value
