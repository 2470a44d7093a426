"""What befalls a worker before it has imported torch: run by Python itself, as `sitecustomize`.

AT_START says what, STARTS which of the run's workers: "1-9" are all but the first.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NoReturn


class _Broken:
    """Finds a torch that cannot be loaded."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "torch":
            _refuse()


def _refuse() -> NoReturn:
    raise ImportError("libtorch.so: cannot open shared object file")


def befall() -> None:
    """Note that a worker starts, then sleep, exit, or break its torch."""
    folder = Path(os.environ["MOMENTS"])
    number = len(list(folder.glob("start-*")))
    (folder / f"start-{number}").touch()
    first, last = map(int, os.environ["STARTS"].split("-"))
    if not first <= number <= last:
        return
    what = os.environ["AT_START"]
    if what == "sleep":
        time.sleep(3600)
    elif what == "exit":
        os._exit(0)
    else:
        sys.meta_path.insert(0, _Broken())


if any("properties.worker" in word for word in sys.orig_argv):
    befall()
