"""`verify`: the whole suite against one implementation, from Python. One engine: pytest.

Runs pytest in a child process and reads the report.json that it writes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from properties.case import Case
from properties.outcome import Status
from properties.signals import JUDGED_BY, restore, uninterrupted

PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Found:
    """One violation: its kind, its text, and the files that reproduce it."""

    kind: str
    title: str
    property: str
    target: str
    text: str
    case_path: Path
    script: Path

    @cached_property
    def case(self) -> Case:
        """The failing call."""
        return Case.from_json(json.loads(self.case_path.read_text())["case"])


@dataclass(frozen=True)
class Report:
    """The outcome of a run. `data` is report.json as it is, `output` what pytest printed."""

    ok: bool
    violations: Sequence[Found]
    examples: int
    exit_status: int
    data: dict[str, Any]
    output: str

    def __str__(self) -> str:
        if self.ok:
            return f"verified: {self.examples} cases, no violation"
        if not self.violations:
            return f"not verified (exit status {self.exit_status})\n{self.output}"
        count = len(self.violations)
        head = f"{count} violation{'s' if count > 1 else ''} in {self.examples} cases"
        return "\n\n".join([head, *(found.text for found in self.violations)])


class Interrupted(KeyboardInterrupt):
    """The run was told to end, and has; `report` is of what it had found until then."""

    def __init__(self, report: Report) -> None:
        super().__init__("the run was interrupted")
        self.report = report


def verify(
    implementation: str,
    *,
    device: str | Iterable[str] | None = None,
    seconds: float | None = None,
    only: Iterable[str] = (),
    profile: str | None = None,
    workers: int | str = 0,
    directory: str | Path = ".conv2d",
    arithmetic: str | Path | None = None,
    own: bool = False,
    call_seconds: float = 0.0,
) -> Report:
    """Check every property of `implementation` ("package.module:name") and return the report.

    device     torch device strings; default cpu and every CUDA device present
    seconds    time budget of the whole run, a second per property at least; once it is spent, a
               run that has found a violation ends; default the profile's number of cases
    only       the domain: constraints such as "dtype=float32" or "passes=forward"
    profile    "conv2d-gate" (default), "conv2d-dev" or "conv2d-hunt"
    workers    pytest-xdist's -n: 0 runs in one process
    directory  where cases, scripts and report.json go
    arithmetic a TOML file of the rows that the implementation declares (`properties.rows`)
    own        the implementation claims to be its own: a convolution of torch's that runs in it is
               a violation of kind "fallback" (what is seen of it: `properties.fallback`)
    call_seconds  a call that takes longer hangs: for code that compiles each shape (default: ten
               times the slowest so far); never less than 2 on the CPU and 10 elsewhere

    Raises ValueError when pytest calls the request a usage error (unknown device, implementation
    that cannot be imported); the message is pytest's. Ctrl-C ends the run and raises `Interrupted`.
    """
    directory = Path(directory).resolve()
    path = directory / "report.json"
    path.unlink(missing_ok=True)
    devices = [device] if isinstance(device, str) else list(device or ())
    arguments = ["--conv2d-impl", implementation, "--conv2d-report", str(path)]
    arguments += [word for name in devices for word in ("--conv2d-device", name)]
    arguments += [word for name in only for word in ("--conv2d-only", name)]
    arguments += ["--conv2d-seconds", str(seconds)] if seconds is not None else []
    arguments += ["--conv2d-arithmetic", str(Path(arithmetic).resolve())] if arithmetic else []
    arguments += ["--conv2d-own"] if own else []
    arguments += ["--conv2d-call-seconds", str(call_seconds)] if call_seconds else []
    arguments += ["--hypothesis-profile", profile] if profile else []
    arguments += ["-n", str(workers)] if str(workers) != "0" else []
    status, output = run_pytest(arguments)
    if status == 4:
        raise ValueError(_usage_error(output))
    data = json.loads(path.read_text()) if path.exists() else {}
    found = [_found(entry) for entry in data.get("violations", ())]
    ok = status == 0 and bool(data.get("ok"))
    report = Report(ok, found, int(data.get("examples", 0)), status, data, output)
    if status == Status.INTERRUPTED:
        raise Interrupted(report)
    return report


def run_pytest(arguments: Sequence[str], stream: bool = False) -> tuple[int, str]:
    """Run the properties under pytest in a child; return its exit status and output."""
    # Inside another pytest run its variables would speak of that run.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    paths = [str(PACKAGE.parent), str(Path.cwd()), *(p for p in sys.path if p)]
    environment[JUDGED_BY] = str(os.getpid())
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    with tempfile.TemporaryDirectory() as empty:
        # An ini file of our own: the caller's settings are for the caller's tests.
        ini = Path(empty, "pytest.ini")
        ini.write_text("[pytest]\naddopts = --import-mode=importlib\n")
        command = [
            *(sys.executable, "-m", "pytest", str(PACKAGE), "-c", str(ini)),
            *("--rootdir", str(PACKAGE.parent), "-p", "properties.plugin"),
            *("-p", "no:cacheprovider", "-q", "-ra", *arguments),
        ]
        pipe = None if stream else subprocess.PIPE
        with subprocess.Popen(
            command, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
        ) as run:
            try:
                output, _ = run.communicate()
            except KeyboardInterrupt:
                before = uninterrupted()
                run.terminate()
                output, _ = run.communicate()
                restore(before)
                return int(Status.INTERRUPTED), output or ""
    return run.returncode, output or ""


def _usage_error(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith("ERROR")]
    return lines[-1].removeprefix("ERROR: ") if lines else output.strip()


def _found(entry: dict[str, Any]) -> Found:
    names = ("kind", "title", "property", "target", "text")
    return Found(
        **{name: str(entry[name]) for name in names},
        case_path=Path(entry["case"]),
        script=Path(entry["script"]),
    )
