"""Injections into one worker, where what is claimed is about the `Runner`: no exit status."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from unittest import mock

from properties import child, doubts
from properties import runner as runner_module
from properties.implementation import Implementation
from properties.losses import NotLoadable
from properties.runner import Runner
from properties.violations import Violation
from tests.injections.scene import Ended, Scene
from tests.plugin_targets import CASE

HERE = "tests.injections.worker_targets:"
FLOOR = 0.3  # seconds until a hang is believed, where calls take a millisecond

Between = Callable[[Runner], object]


def calls(
    target: str, count: int, between: Between = lambda runner: None
) -> Callable[[Scene], Ended]:
    """Make the same call so many times, do something after the first; say what was violated."""

    def inject(scene: Scene) -> Ended:
        kinds: list[str] = []
        with (
            mock.patch.dict(runner_module.HANG_FLOOR, cpu=FLOOR),
            mock.patch.object(doubts, "EXCUSED", 0),
            Runner(Implementation(HERE + target), scene.spares, memory=1 << 30) as runner,
        ):
            for number in range(count):
                kinds += _kinds(runner)
                if number == 0:
                    between(runner)
            return Ended(runner.doubts.killed, frozenset(kinds))

    return inject


def _kinds(runner: Runner) -> Sequence[str]:
    try:
        runner.run(CASE)
    except Violation as violation:
        return [violation.kind]
    return []


def kill(runner: Runner) -> None:
    """Kill the worker while it has nothing to do, and wait until it is gone."""
    worker = runner._child
    assert worker is not None
    os.kill(worker.process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker.process.pid, os.WEXITED | os.WNOWAIT)


def hanging_import(scene: Scene) -> Ended:
    """Load what never finishes its import."""
    target = Implementation("tests.injections.waits_on_import:conv2d")
    runner = Runner(target, scene.spares, memory=1 << 30)
    with mock.patch.object(child, "LOAD_LIMIT", FLOOR):
        try:
            runner.start()
        except NotLoadable as error:
            return Ended(0, output=str(error))
        finally:
            runner.close()
    return Ended(1)
