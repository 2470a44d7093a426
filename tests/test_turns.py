"""Whose turn it is: calls together, a retry alone, and nobody waits for a killed process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from properties.turns import Turns
from tests.plugin_targets import ROOT

READERS = 12


def test_calls_run_together_and_a_retry_alone(tmp_path: Path) -> None:
    """Calls hold the device at once; one alone waits for all of them, and keeps new ones out.

    It comes before calls that follow each other without a pause.
    """
    events: list[str] = []
    inside = threading.Barrier(READERS + 1)
    done = threading.Event()

    def calls() -> None:
        turns = Turns(tmp_path, "cuda:0")
        with turns.together():
            inside.wait(10)
            time.sleep(0.05)
            events.append("first calls")
        while not done.is_set():
            with turns.together():
                time.sleep(0.001)
                events.append("a call")

    threads = [threading.Thread(target=calls, daemon=True) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    inside.wait(10)  # all hold it
    seen: list[list[str]] = []

    def retries() -> None:
        turns = Turns(tmp_path, "cuda:0")
        for _ in range(3):
            with turns.alone():
                seen.append(events[:])
                time.sleep(0.02)
                seen.append(events[:])
            time.sleep(0.01)
        turns.close()

    retrying = threading.Thread(target=retries, daemon=True)
    retrying.start()
    retrying.join(20)
    done.set()
    for thread in threads:
        thread.join(10)
    assert len(seen) == 6
    assert seen[0].count("first calls") == READERS
    assert seen[::2] == seen[1::2]
    assert seen[0] != seen[2] != seen[4]


def test_devices_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Who has one device alone keeps nobody from another; without a folder there is no lock."""
    with Turns(tmp_path, "cuda:0").alone(), Turns(tmp_path, "cuda:1").together():
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            f"cuda:{number}.{part}" for number in (0, 1) for part in ("door", "room")
        ]
    with Turns().alone(), Turns().alone():
        pass


@pytest.mark.parametrize("how", ["together", "alone"])
def test_a_killed_process_holds_nothing(how: str, tmp_path: Path) -> None:
    """The kernel releases what a killed worker held: nobody waits for it."""
    code = (
        "import sys, time; from pathlib import Path; from properties.turns import Turns\n"
        f"with Turns(Path({str(tmp_path)!r}), 'cuda:0').{how}():\n"
        "    print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"held\n"
        got = threading.Event()

        def take() -> None:
            with Turns(tmp_path, "cuda:0").alone():
                got.set()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        assert not got.wait(0.1)
        worker.kill()
        assert got.wait(10)
        thread.join(10)
