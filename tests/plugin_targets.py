"""What tests of the plugin run: tiny implementations, and narrow pytest runs in a child process.

torch is imported on the first call only, so that a test may import this module for free.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from properties.case import Case, Tensor
from properties.implementation import Implementation
from properties.values import Recipe
from reference import Conv2dParams

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parent.parent
POINTWISE = "test_value.py::test_pointwise_is_a_matrix_product"
UNBATCHED = "test_algebra.py::test_unbatched_is_a_batch_of_one"
ONLY = "dtype=float32 batch=1|2|unbatched groups=1 mode=eager"
NOT_CALLABLE = 3.0
# Arguments for a run whose violation need not be repeated as often as a user's.
BRIEF = ("-p", "tests.injections.brief")

_calls = itertools.count()
_buffers: dict[object, Any] = {}


def _conv2d(*arguments: Any) -> Any:
    from torch.nn import functional

    return functional.conv2d(*arguments)


def _next_float(values: Any) -> Any:
    import torch

    return torch.nextafter(values, torch.full_like(values, float("inf")))


def agrees(*arguments: Any) -> Any:
    """Be right, and refuse an operand that is nowhere, which torch itself would answer."""
    if any(getattr(operand, "is_meta", False) for operand in arguments[:3]):
        raise ValueError("an operand on meta")
    return _conv2d(*arguments)


def adds_one(*arguments: Any) -> Any:
    """Be wrong everywhere, and by much."""
    return agrees(*arguments) + 1.0


def rounds_its_operands(*arguments: Any) -> Any:
    """Compute with operands rounded to bfloat16."""
    x, weight, *rest = arguments
    return _conv2d(x.bfloat16().to(x.dtype), weight.bfloat16().to(weight.dtype), *rest)


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


def returns_contiguous(*arguments: Any) -> Any:
    """Return a contiguous output, whatever lies in channels_last memory."""
    return _conv2d(*arguments).contiguous()


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


CALL: dict[str, Any] = {"kind": "call"}
CASE = Case(
    Tensor((1, 2, 5, 5), Recipe("normal", 1)),
    Tensor((3, 2, 3, 3), Recipe("normal", 2), "channels_last"),
    Tensor((3,), Recipe("normal", 3)),
    Conv2dParams(padding=(1, 0)),
)
TRAINED = CASE.replace(
    gradients=("input", "weight", "bias"), grad_output=Tensor((1, 3, 5, 3), Recipe("signs", 4))
)


@dataclass(frozen=True)
class Defect:
    """An implementation of this module, the kind of violation that it is, and how it shows."""

    name: str
    kind: str
    check: dict[str, Any]
    case: Case = CASE

    @property
    def target(self) -> Implementation:
        """The implementation."""
        return Implementation(f"tests.plugin_targets:{self.name}")


VALUE = Defect("adds_one", "value", CALL)
SCALING = Defect("scales_loosely", "relation", {"kind": "scale", "power": 3})
REPEATED = Defect("changes_bits", "nondeterminism", {"kind": "repeat"})
CRASH = Defect("crashes", "crash", CALL)
HANG = Defect("hangs", "hang", CALL)
DEFECTS = (
    VALUE, SCALING, REPEATED, CRASH, HANG,
    Defect("exits", "exit", CALL),
    Defect("exits_as_if_absent", "exit", CALL),
    Defect("doubles_its_input", "mutation", CALL),
    Defect("writes_next_to_its_input", "mutation", CALL),
    Defect("reuses_its_buffer", "alias", CALL),
    Defect("drops_last_column", "shape", CALL),
    Defect("returns_contiguous", "format", {"kind": "format"}),
    Defect("raises", "error", CALL, TRAINED),
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Exit status and output of a pytest run, and its report.json ({} where there is none)."""

    status: int
    output: str
    report: dict[str, Any]
    directory: str

    @property
    def digests(self) -> dict[str, str]:
        """The digest of the inputs of every property that ran, by its name."""
        return {item["property"]: item["digest"] for item in self.report["items"]}


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment without what pytest and CI leave in it."""
    ours = ("PYTEST_", "CI", "PYTHONPATH", "CONV2D", "HYPOTHESIS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # Wide, because pytest cuts its one-line summaries to the width of the terminal.
    return {**kept, "COLUMNS": "240", **changes}


def run_pytest(directory: Path, *arguments: str, cwd: Path = ROOT, **variables: str) -> Run:
    """Run pytest on a narrow domain in a child; its report goes to `directory`."""
    report = directory / "report.json"
    if BRIEF[1] in arguments:
        variables = {"PYTHONPATH": str(ROOT), **variables}  # pytest loads it before it reads ours
    command = [
        *(sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "--color=no"),
        # With "=": pytest 8 takes a path that exists, after an option it does not know yet, for a
        # test, and then looks for conftest.py there.
        *(f"--conv2d-report={report}", "--conv2d-only", ONLY),
        f"--junitxml={directory / 'junit.xml'}",
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
    return Run(done.returncode, done.stdout, data, str(directory))


def property_of(name: str, root: Path = ROOT) -> str:
    """Return the path of a property, for pytest's command line."""
    return str(root / "properties" / name)


def shared_run(
    factory: pytest.TempPathFactory, name: str, *arguments: str, **variables: str
) -> Run:
    """Return the outcome of a run that several tests look at, made once for all xdist workers."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    directory = base / f"run-{name}"
    directory.mkdir(exist_ok=True)
    kept = directory / "run.json"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            run = run_pytest(directory, *arguments, cwd=ROOT, **variables)
            kept.write_text(json.dumps(asdict(run)))
    return Run(**json.loads(kept.read_text()))


def green_run(factory: pytest.TempPathFactory) -> Run:
    """Return the run of two quick properties of F.conv2d in one process, in this checkout."""
    names = (property_of(POINTWISE), property_of(UNBATCHED))
    return shared_run(factory, "green", *names, "--conv2d-impl", "F.conv2d")


def red_run(factory: pytest.TempPathFactory) -> Run:
    """Return the run of a quick property of an implementation that is wrong everywhere."""
    wrong = ("--conv2d-impl", "tests.plugin_targets:adds_one")
    return shared_run(factory, "red", property_of(POINTWISE), *wrong, *BRIEF)
