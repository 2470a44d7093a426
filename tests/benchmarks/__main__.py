"""`python -m tests.benchmarks [SUBJECT ...]`: medians and ratios; nothing here passes or fails."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys

SUBJECTS = ("oracle", "imports", "overhead", "gate", "workers")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # of an old BLAS kernel
MARK = "CONV2D_BENCHMARK_UNSET"


def main() -> None:
    """Run the subjects that are named, or all, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=", ".join(SUBJECTS))
    asked = parser.parse_args().subjects
    wrong = [name for name in asked if name not in SUBJECTS]
    if wrong:
        parser.error(f"{wrong[0]!r} is not one of {', '.join(SUBJECTS)}")
    if MARK not in os.environ:
        _start_again(asked)
    unset = os.environ[MARK]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, one BLAS thread")
    print(f"unset for this run: {unset}" if unset else "no BLAS kernel was pinned")
    for name in asked or SUBJECTS:
        # A process each: peak memory and caches of one subject are not another's.
        code = f"from tests.benchmarks.{name} import run; run()"
        sys.stdout.flush()
        subprocess.run([sys.executable, "-c", code], check=True)


def _start_again(asked: list[str]) -> None:
    """Replace this process by one whose BLAS reads the right environment before it is loaded."""
    environment = {name: value for name, value in os.environ.items() if name not in PINS}
    pinned = ", ".join(f"{name}={os.environ[name]}" for name in PINS if name in os.environ)
    environment |= {**ONE_THREAD, MARK: pinned}
    arguments = [sys.executable, "-m", "tests.benchmarks", *asked]
    sys.stdout.flush()
    os.execve(sys.executable, arguments, environment)


if __name__ == "__main__":
    main()
