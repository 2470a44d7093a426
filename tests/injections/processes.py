"""Processes that carry a mark: all of a run can be found, also where others run the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.plugin_targets import ONLY, POINTWISE, ROOT, environment, property_of

MARK = "INJECTION_MARK"
LIMIT = 90.0  # seconds for anything that happens in tenths of one on a machine with nothing to do


def marked(mark: str) -> list[int]:
    """Return the living processes whose environment has the mark, but this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        pid = int(path.name)
        try:
            carries = f"{MARK}={mark}".encode() in (path / "environ").read_bytes().split(b"\0")
            state = (path / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if carries and state not in "ZX" and pid != os.getpid():
            found.append(pid)
    return found


def left_behind(mark: str, kept: set[int], patience: float = 5.0) -> list[int]:
    """Return the others that are still there; killing takes the kernel a moment."""
    deadline = time.monotonic() + patience
    while (left := set(marked(mark)) - kept) and time.monotonic() < deadline:
        time.sleep(0.02)
    return sorted(left)


def end(pids: Iterable[int]) -> None:
    """Kill processes, so that a test that failed leaves nothing behind either."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def within(done: Callable[[], object], seconds: float = LIMIT) -> None:
    """Wait until something is so; TimeoutError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("what the injection waits for does not happen")
        time.sleep(0.01)


def role(pid: int) -> str:
    """Return which process of a run this is: "worker", "guard", "xdist", "judge" or "other"."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    marks = {
        "worker": b"properties.worker",
        "guard": b"killpg",
        "xdist": b"stdin.readline",
        "judge": b"-m",
    }
    return next((name for name, part in marks.items() if part in command), "other")


class Started:
    """A run in a folder and a process group of its own; `output` is its stdout and stderr.

    They go to a pipe, which a limit on files leaves alone, unless `stdout` is a path, or "closed":
    a pipe that nobody reads. `output` is stderr alone then.
    """

    def __init__(
        self, directory: Path, mark: str, *command: str, stdout: str = "", **changes: str
    ) -> None:
        self.directory, self.mark, self._read = directory, mark, b""
        variables = {"PYTHONPATH": str(ROOT), MARK: mark, "MOMENTS": str(directory), **changes}
        self._pipe, write = os.pipe()
        read_other, other = os.pipe() if stdout == "closed" else (-1, write)
        if stdout == "closed":
            os.close(read_other)
        elif stdout:
            other = os.open(stdout, os.O_WRONLY)
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            # So a shell starts what is put in the background; a child would ignore Ctrl-C, too.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", *command],
            cwd=directory,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=other,
            stderr=write,
            start_new_session=True,
        )
        for number in {write, other}:
            os.close(number)
        os.set_blocking(self._pipe, False)

    @property
    def output(self) -> str:
        """What was written until now."""
        try:
            while data := os.read(self._pipe, 1 << 16):
                self._read += data
        except BlockingIOError:
            pass  # something still holds the other end
        return self._read.decode(errors="replace")

    def wait(self) -> int:
        """Return the exit status; the run is killed if it does not end."""
        try:
            return self.process.wait(LIMIT)
        finally:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        """Close the pipe; what was written is lost."""
        os.close(self._pipe)

    def moment(self, name: str) -> None:
        """Wait for a moment that the implementation tells of, or a file pattern."""

        def come() -> bool:
            ended = self.process.poll() is not None
            assert not ended, f"the run ended before {name}: {self.output}"
            return any(self.directory.glob(name))

        within(come)

    def all_of(self, name: str) -> list[int]:
        """Return the processes of a role."""
        found = []
        for pid in marked(self.mark):
            try:
                found += [pid] if role(pid) == name else []
            except OSError:
                continue
        return found


def pytest_command(directory: Path, target: str, *arguments: str) -> list[str]:
    """Return the words of a narrow pytest run whose report goes to `directory`."""
    return [
        *("pytest", "-p", "no:cacheprovider", "--color=no", "-p", "tests.injections.brief"),
        *(f"--conv2d-report={directory / 'report.json'}", "--conv2d-only", ONLY),
        *("--conv2d-impl", target, property_of(POINTWISE), *arguments),
    ]
