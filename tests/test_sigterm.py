"""A run that is told to end leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugin_targets import CALL, CASE, ONLY, POINTWISE, ROOT, environment, property_of

TARGET = "tests.sequence_targets:forks_and_hangs"


@pytest.mark.parametrize("command", ["pytest", "replay"])
def test_sigterm_ends_what_the_worker_forked(command: str, tmp_path: Path) -> None:
    """SIGTERM ends the judge soon, the worker, and a process that the implementation forked."""
    case, forked = tmp_path / "case.json", tmp_path / "forked"
    plain = {"implementation": TARGET, "device": "cpu", "check": CALL, "case": CASE.to_json()}
    case.write_text(json.dumps(plain))
    arguments = {
        "pytest": [
            *("pytest", "-p", "no:cacheprovider", property_of(POINTWISE), "--conv2d-only", ONLY),
            *(f"--conv2d-report={tmp_path / 'report.json'}", "--conv2d-impl", TARGET),
        ],
        "replay": ["properties", "replay", str(case)],
    }
    judge = subprocess.Popen(
        [sys.executable, "-P", "-m", *arguments[command]],
        cwd=ROOT,
        env=environment(FORKED=str(forked), PYTHONPATH=str(ROOT)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert within(60, forked.exists)
        left = Path("/proc", forked.read_text())
        assert left.exists()
        judge.send_signal(signal.SIGTERM)
        assert judge.wait(30) not in (0, 1)
        assert within(5, lambda: not left.exists() or "(zombie)" in state(left))
    finally:
        judge.kill()
        judge.wait()


def within(seconds: float, done: Callable[[], bool]) -> bool:
    """Tell whether something is so before this time has passed."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def state(process: Path) -> str:
    """Return what the kernel says about a process, "" if it is gone."""
    try:
        return (process / "status").read_text()
    except OSError:
        return ""
