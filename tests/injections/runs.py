"""Injections into whole runs: `pytest`, `verify` and `replay`, as processes of their own."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.injections.processes import Started, pytest_command, within
from tests.injections.scene import Ended, Scene, reported
from tests.plugin_targets import CALL, CASE, ROOT

HERE = "tests.injections.targets:"
SEEN = "unended/*.json"
BRIEF = ("--conv2d-seconds", "0.5")
SITE = "import tests.injections.at_start\n"

Act = Callable[[Started], object]


def nothing(run: Started) -> None:
    """Let it run."""


@dataclass(frozen=True)
class Run:
    """A narrow pytest run of a target, and what is done to it at a moment; nothing by default.

    `befalls` is what happens to those of its workers that `starts` counts, as in `at_start`.
    """

    target: str
    act: Act = nothing
    moment: str = ""
    arguments: tuple[str, ...] = ()
    befalls: str = ""
    starts: str = "0-999"
    stdout: str = ""

    def __call__(self, scene: Scene) -> Ended:
        """Start it, wait for the moment, act, and return what came of it."""
        return self.to_the_end(scene, pytest_command(scene.directory, self.target, *self.arguments))

    def to_the_end(self, scene: Scene, command: list[str]) -> Ended:
        """Do so with any command."""
        variables: dict[str, str] = {}
        if self.befalls:
            (scene.directory / "sitecustomize.py").write_text(SITE)
            path = f"{ROOT}{os.pathsep}{scene.directory}"
            variables = {"AT_START": self.befalls, "STARTS": self.starts, "PYTHONPATH": path}
        run = Started(scene.directory, scene.mark, *command, stdout=self.stdout, **variables)
        try:
            if self.moment:
                run.moment(self.moment)
            self.act(run)
        finally:
            status = run.wait()
        return Ended(status, reported(scene.directory, run.output), run.output)


def signals(*numbers: signal.Signals, group: bool = False) -> Act:
    """Send signals to the judge or to its process group, a tenth of a second apart."""

    def act(run: Started) -> None:
        for count, number in enumerate(numbers):
            time.sleep(0.1 * bool(count))
            if run.process.poll() is None:
                (os.killpg if group else os.kill)(run.process.pid, number)

    return act


def kills(name: str) -> Act:
    """Kill the processes of a role; there must be one."""

    def act(run: Started) -> None:
        within(lambda: run.all_of(name))
        for pid in run.all_of(name):
            os.kill(pid, signal.SIGKILL)

    return act


def clock_goes_back(run: Started) -> None:
    """Have what was seen be written long before the run began, then kill who saw it."""
    for path in run.directory.glob(SEEN):
        os.utime(path, (0, 0))
    kills("xdist")(run)


def full_disk(run: Started) -> None:
    """Let the judge, and what it starts, write no byte to any file: the limit acts as a full disk.

    A mounted tmpfs would need root; a limit gives EFBIG for ENOSPC, and cuts files as that does.
    """
    for pid in run.all_of("judge"):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (100, 100))


def folder_goes(run: Started) -> None:
    """Put a file where the folder of the report was."""
    reports = run.directory / "reports"
    reports.rename(run.directory / "gone")
    reports.touch()


def below_a_file(scene: Scene) -> Ended:
    """Ask for a report below a file: root ignores permissions, but not this."""
    (scene.directory / "file").touch()
    return Run(HERE + "waits", arguments=_report(scene, "file/report.json"))(scene)


def on_a_folder(scene: Scene) -> Ended:
    """Ask for a report where there is a folder."""
    (scene.directory / "folder").mkdir()
    return Run(HERE + "waits", arguments=_report(scene, "folder"))(scene)


def on_a_pipe(scene: Scene) -> Ended:
    """Ask for a report at what is no plain file, as /dev/null is; it must still be there then."""
    path = scene.directory / "pipe"
    os.mkfifo(path)
    ended = Run(HERE + "waits", arguments=_report(scene, path.name))(scene)
    assert path.is_fifo()
    return ended


def in_a_folder_that_goes(scene: Scene) -> Ended:
    """Take the folder of the report away in the first call."""
    arguments = (*_report(scene, "reports/report.json"), *BRIEF)
    return Run(HERE + "agrees_slowly", folder_goes, "call", arguments)(scene)


def without_a_database(scene: Scene) -> Ended:
    """Put a file where the profile keeps its examples."""
    (scene.directory / ".hypothesis").touch()
    arguments = ("--hypothesis-profile", "conv2d-dev", *BRIEF)
    return Run("tests.plugin_targets:agrees", arguments=arguments)(scene)


def two_at_once(scene: Scene) -> Ended:
    """Kill a run that saw a violation, in the folder of one that sees none and ends later."""
    words = pytest_command(scene.directory, HERE + "wrong_once")
    other = Started(scene.directory, scene.mark, *words)

    def act(run: Started) -> None:
        other.moment(SEEN)
        other.process.kill()
        (run.directory / "go").touch()

    # Its first call lasts until the other one, which may start up seconds later, has seen one.
    patient = (*BRIEF, "--conv2d-call-seconds", "9")
    ended = Run(HERE + "agrees_when_told", act, "waiting", patient)(scene)
    other.wait()
    (seen,) = scene.directory.glob(SEEN)
    seen.unlink()  # of the other one
    return replace(ended, kinds=reported(scene.directory, ended.output))


def verifying(act: Act) -> Callable[[Scene], Ended]:
    """Do something to `python -m properties verify` while its first worker starts."""

    def inject(scene: Scene) -> Ended:
        command = ["properties", "verify", HERE + "waits"]
        return Run("", act, "start-0", befalls="sleep").to_the_end(scene, command)

    return inject


def replaying(scene: Scene) -> Ended:
    """Tell `replay` to end in a call."""
    path = scene.directory / "case.json"
    plain = {"implementation": HERE + "forks_and_waits", "device": "cpu", "check": CALL}
    path.write_text(json.dumps({**plain, "case": CASE.to_json()}))
    run = Run("", signals(signal.SIGTERM), "call")
    return run.to_the_end(scene, ["properties", "replay", str(path)])


def _report(scene: Scene, name: str) -> tuple[str, ...]:
    return (f"--conv2d-report={scene.directory / name}",)
