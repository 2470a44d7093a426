"""A pytest plugin for runs that are watched from outside: as few fresh processes as show a point.

Each costs an import of torch. REPEATS in the environment is the number in which a violation is
repeated, one by default; a spent budget leaves next to no time for shrinking it.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems() -> None:
    """Shorten what follows a violation, wherever it is found: here, or in an xdist worker."""
    finish: Any = importlib.import_module("properties.finish")
    finish.REPEATS = int(os.environ.get("REPEATS", "1"))
    search: Any = importlib.import_module("properties.search")
    search.GRACE = 1 / 60
