"""What tests of the plugin run: tiny implementations, and narrow pytest runs in a child process.

torch is imported on the first call only, so that a test may import this module for free.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
POINTWISE = "test_value.py::test_pointwise_is_a_matrix_product"
UNBATCHED = "test_algebra.py::test_unbatched_is_a_batch_of_one"
ONLY = "dtype=float32 batch=1|2|unbatched groups=1"
NOT_CALLABLE = 3.0

_calls = itertools.count()
_buffers: dict[object, Any] = {}


def _conv2d(*arguments: Any) -> Any:
    from torch.nn import functional

    return functional.conv2d(*arguments)


def _next_float(values: Any) -> Any:
    import torch

    return torch.nextafter(values, torch.full_like(values, float("inf")))


def adds_one(*arguments: Any) -> Any:
    """Be wrong everywhere, and by much."""
    return _conv2d(*arguments) + 1.0


def drops_last_column(*arguments: Any) -> Any:
    """Return one output column too few."""
    return _conv2d(*arguments)[..., :-1]


def scales_loosely(*arguments: Any) -> Any:
    """Move large results by one bit: each lies in its enclosure, but 2^3 x gives other bits."""
    y = _conv2d(*arguments)
    return _next_float(y) if arguments[0].abs().max() > 4.0 else y


def changes_bits(*arguments: Any) -> Any:
    """Move every second result by one bit."""
    y = _conv2d(*arguments)
    return _next_float(y) if next(_calls) % 2 else y


def reuses_its_buffer(*arguments: Any) -> Any:
    """Return the same memory for every output of one shape."""
    y = _conv2d(*arguments)
    return _buffers.setdefault(y.shape, y.clone()).copy_(y)


def doubles_its_input(*arguments: Any) -> Any:
    """Return the right result and leave another input behind."""
    y = _conv2d(*arguments)
    arguments[0].mul_(2.0)
    return y


def writes_next_to_its_input(*arguments: Any) -> Any:
    """Return the right result and write eight bytes past the end of the input."""
    import ctypes

    x = arguments[0]
    ctypes.memset(x.data_ptr() + x.numel() * x.element_size(), 1, 8)
    return _conv2d(*arguments)


def raises(*arguments: Any) -> Any:
    """Refuse a valid call."""
    raise ValueError("no kernel for this shape")


def crashes(*arguments: Any) -> Any:
    """End the process by a signal."""
    os.kill(os.getpid(), signal.SIGSEGV)


def exits(*arguments: Any) -> Any:
    """End the process with the status of success."""
    os._exit(0)


def exits_as_if_absent(*arguments: Any) -> Any:
    """End the process with the status that says the script cannot run."""
    os._exit(2)


def hangs(*arguments: Any) -> Any:
    """Never return."""
    time.sleep(3600)


@dataclass(frozen=True)
class Run:
    """Exit status and output of a pytest run, and its report.json ({} where there is none)."""

    status: int
    output: str
    report: dict[str, Any]
    directory: Path

    @property
    def digests(self) -> dict[str, str]:
        """The digest of the inputs of every property that ran, by its name."""
        return {item["property"]: item["digest"] for item in self.report["items"]}


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment without what pytest and CI leave in it."""
    ours = ("PYTEST_", "CI", "PYTHONPATH", "CONV2D", "HYPOTHESIS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, **changes}


def run_pytest(directory: Path, *arguments: str, cwd: Path = ROOT, **variables: str) -> Run:
    """Run pytest on a narrow domain in a child; its report goes to `directory`."""
    report = directory / "report.json"
    command = [
        *(sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "--color=no"),
        *("--conv2d-report", str(report), "--conv2d-only", ONLY),
        *arguments,
    ]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    data = json.loads(report.read_text()) if report.exists() else {}
    return Run(done.returncode, done.stdout, data, directory)


def property_of(name: str, root: Path = ROOT) -> str:
    """Return the path of a property, for pytest's command line."""
    return str(root / "properties" / name)
