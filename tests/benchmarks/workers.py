"""What a second pytest-xdist worker gains, beside what a second core gives to anything at all.

This module is also a plugin of the runs that it times: a run is as long as its tests take, from
the first one's call to the last one's. Start-up is no part of it; unequal shares of workers are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks.timing import table
from tests.plugin_targets import ROOT, environment

ROUNDS = 5
SECONDS = 75.0  # after which no round begins
WANTED = 0.85
PART = ("properties/test_algebra.py", "--conv2d-impl=F.conv2d", "--conv2d-device=cpu")
NARROWED = ("--conv2d-only=mode=eager dtype=float32|float64", "--conv2d-shard=1/2")
SPIN = (
    "import time; began = time.perf_counter(); sum(i * i for i in range(2 * 10**7));"
    "print(time.perf_counter() - began)"
)
_times: list[tuple[float, float]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note when the call of a test began and ended."""
    if report.when == "call":
        _times.append((report.start, report.stop))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell how long the calls of all tests took together."""
    if not hasattr(session.config, "workerinput"):
        began, ended = zip(*_times, strict=True)
        Path(os.environ["PHASE"]).write_text(str(max(ended) - min(began)))


def run() -> None:
    """Print the medians, both gains, and the share of the possible gain that xdist makes of it."""
    rounds: list[tuple[float, ...]] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        while len(rounds) < ROUNDS and time.monotonic() < began + SECONDS:
            # In turn, so that all see the same load.
            times = _spins(1), _tests(1, directory), _spins(2), _tests(2, directory)
            rounds.append(times)
    spin, alone, spins, both = (median(column) for column in zip(*rounds, strict=True))
    cores, xdist = 2 * spin / spins, alone / both
    rows = [
        ["a loop in each of 2 processes", f"{spin:.2f} s", f"{spins:.2f} s", f"{cores:.2f}"],
        ["the tests, pytest -n 2", f"{alone:.2f} s", f"{both:.2f} s", f"{xdist:.2f}"],
    ]
    each = sorted(one / two * twice / (2 * single) for single, one, twice, two in rounds)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    title = (
        f"Workers: medians of {len(rounds)} rounds of {' '.join(PART)}; load {load}\n"
        f"  efficiency {xdist / cores:.2f}, {each[0]:.2f} to {each[-1]:.2f} by round; "
        f"at least {WANTED} is wanted"
    )
    table(title, ["", "one", "two", "gain"], rows)


def _spins(count: int) -> float:
    """Return the seconds of the slowest of some processes that know nothing of each other."""
    command = [sys.executable, "-c", SPIN]
    spins = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    return max(float(spin.communicate()[0]) for spin in spins)


def _tests(workers: int, directory: str) -> float:
    """Return the seconds of the tests with so many workers; RuntimeError if they do not pass."""
    phase = Path(directory, "phase")
    command = [
        *(
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.benchmarks.workers",
            "-n",
            str(workers),
        ),
        *("-p", "no:cacheprovider", f"--conv2d-report={directory}/report.json", *PART, *NARROWED),
    ]
    variables = environment(PHASE=str(phase), PYTHONPATH=str(ROOT))
    done = subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:])
    return float(phase.read_text())
