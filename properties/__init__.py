"""Properties of 2-D convolution, checked against any implementation in a process of its own.

`verify("package.module:name")` runs them all; `Case` is one concrete call. Both are imported on
first use, because pytest loads this package in every run of an environment it is installed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from properties.case import Case
    from properties.verification import Report, verify

__all__ = ["Case", "Report", "verify"]

_HOMES = {
    "Case": "properties.case",
    "Report": "properties.verification",
    "verify": "properties.verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'properties' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value
