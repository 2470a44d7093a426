"""The processes of a worker: those of its session, and whoever was handed its environment.

The mark stands in the environment that a process was started with, which all that it forks have
too, in whatever session. One that was started with another environment in another session is not
found: a container or another user is what holds such a one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GUARD = (
    "import sys; home, worker, mark = sys.argv[1:]; sys.stdin.read(); sys.path.append(home);"
    "from properties.kin import end_all; end_all(int(worker), mark)"
)
PATIENCE = 5.0  # seconds: a process that forks while it is looked for takes another look


def members(worker: int, mark: str) -> list[int]:
    """Return the living processes of a session, and all that carry the mark; [] off Linux."""
    try:
        numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    except OSError:
        return []
    return [number for number in numbers if _belongs(number, worker, mark.encode())]


def end_all(worker: int, mark: str) -> None:
    """Kill them all. The worker must not be reaped before, or its number may be another's."""
    deadline = time.monotonic() + PATIENCE
    while (found := members(worker, mark)) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.005)


def guard(worker: int, mark: str) -> subprocess.Popen[bytes]:
    """Start what ends them all once this process is gone, however that was killed.

    A worker dies with its judge, but not what it has forked. To be killed when they have ended.
    """
    home = str(Path(__file__).parent.parent)
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", GUARD, home, str(worker), mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _belongs(process: int, worker: int, mark: bytes) -> bool:
    try:
        if os.getsid(process) == worker:
            stat = Path(f"/proc/{process}/stat").read_bytes()
            return stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X")
        return mark in Path(f"/proc/{process}/environ").read_bytes()
    except OSError:
        return False  # ended meanwhile, or another user's
