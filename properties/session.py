"""One pytest run: what is under test, on which devices, and what each item found."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from properties import known_file, recording, summary
from properties.child import Child
from properties.devices import PROBE, ROOM, brought, placed, resolve_devices, spread
from properties.domain import Domain
from properties.ending import prepare_end
from properties.implementation import DEFAULTS, Implementation, inherent
from properties.large import needed, require_memory
from properties.losses import CannotStart, NotLoadable
from properties.outcome import conclude, unreported
from properties.plugin import FACTS_KEY, PROFILE_OPTION, report_path
from properties.profiles import DEFAULT, PROFILES, Profile, prepare
from properties.recording import Recording
from properties.report import compose, make_room, write
from properties.rows import Rows, load
from properties.runner import Runner
from properties.shards import Shard
from properties.spares import Spares
from properties.stock import stock_defects
from properties.subject import Subject
from properties.turns import Turns

Facts = dict[str, Any]

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
MOMENT = 1.0  # seconds for each property, however many share a budget: one that saw no case fails


def open_session(config: pytest.Config) -> Session:
    """Read the options and learn what there is; a wrong request is a UsageError, exit status 4."""
    prepare_end(config)
    try:
        return Session(config)
    except (ValueError, NotLoadable, CannotStart, OSError) as error:
        raise pytest.UsageError(f"conv2d-properties: {error}") from error


class Session:
    """State of the run in this process; an xdist worker is told what its controller learned."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        if not hasattr(config, "workerinput"):
            # An earlier run's report must not speak for this one, and this one's must have a place.
            make_room(report_path(config))
            recording.clear(self.directory)
        self.started = time.time()
        self.report: Facts = {}
        self.began: float | None = None  # of the first item: probing and loading take no budget
        name = str(config.getoption(PROFILE_OPTION, None) or "")
        self.profile: Profile = PROFILES.get(name, PROFILES[DEFAULT])
        self.shard = Shard.parse(config.getoption("--conv2d-shard"))
        self.domain = Domain.parse(config.getoption("--conv2d-only") or ())
        self.spares = Spares()
        self.subjects: dict[str, Subject] = {}
        self.items = self.items_left = 1
        self.violated = False
        told: Facts = getattr(config, "workerinput", {}).get(FACTS_KEY, {})
        self.seed: int = told["seed"] if told else self._seed()
        self.run: str = told["run"] if told else secrets.token_hex(4)  # its name among others'
        self.recording = Recording(self.directory) if config.getoption("--conv2d-record") else None
        listed = config.getoption("--conv2d-known")
        self.known = known_file.load(Path(listed)) if listed else ()
        table = config.getoption("--conv2d-arithmetic")
        self.rows: Rows | None = load(Path(table)) if table else None
        seconds = config.getoption("--conv2d-seconds")
        self.large: float = config.getoption("--conv2d-large")
        self.seconds: float | None = self.profile.seconds if seconds is None else seconds
        self.own: bool = config.getoption("--conv2d-own")
        self.call_seconds: float = config.getoption("--conv2d-call-seconds")
        self._target = partial(Implementation, own=self.own, call_seconds=self.call_seconds)
        told_of = told["targets"] if told else ()
        self.targets = [self._target(name, device) for name, device in told_of]
        self.facts: dict[str, Facts] = told.get("facts", {})
        self.present: list[str] = told.get("present", [])
        self.turns: str = told.get("turns", "")  # the folder of their files; workers share it
        self.folder: tempfile.TemporaryDirectory[str] | None = None
        self.room = config.stash.get(ROOM, "")
        if not told:
            self._probe()

    def _seed(self) -> int:
        if self.profile.seed is not None:
            return self.profile.seed
        given = self.config.getoption("--hypothesis-seed", None)
        return int(given) if given and str(given).isdigit() else secrets.randbelow(2**31)

    def _probe(self) -> None:
        """Ask one short-lived child what exists, and load every implementation once."""
        named = self.config.getoption("--conv2d-impl") or list(DEFAULTS)
        if self.own and any(Implementation(name).is_stock for name in named):
            raise ValueError("--conv2d-own is for implementations other than torch's: name one")
        try:
            probe = self.config.stash.get(PROBE, None) or Child("cpu", probe=True)
            self.spares.keep(probe)
            self.present = [str(name) for name in probe.greet()["devices"]]
            if self.present != ["cpu"]:
                self.spares.close()  # it has opened devices that a worker must not hold
            asked = self.config.getoption("--conv2d-device")
            try:
                devices = resolve_devices(asked, self.present)
            except ValueError:
                self.present += brought(named, self.present)
                devices = resolve_devices(asked, self.present)
            self.targets = [self._target(name, device) for device in devices for name in named]
            if not self.config.option.collectonly:
                accelerators = probe.facts.get("accelerators", {})
                for target in self.targets:
                    facts = self.subject(target).runner.start()
                    self.facts[str(target)] = facts | spread(target.device, accelerators)
        except BaseException:
            self.close()
            raise
        if self.config.getoption("dist", "no") != "no":
            self.close()  # the workers have their own
            if {*devices} != {"cpu"}:
                self.folder = tempfile.TemporaryDirectory(prefix="conv2d-")
                self.turns = self.folder.name

    def for_worker(self) -> Facts:
        """Return what an xdist worker is told."""
        targets = [(target.target, target.device) for target in self.targets]
        about = {"present": self.present, "turns": self.turns, "run": self.run}
        return {"targets": targets, "seed": self.seed, "facts": self.facts, **about}

    def header(self) -> list[str]:
        """Return the lines above the run."""
        return summary.header(self)

    def fixtures(self) -> ModuleType:
        """Return a plugin module that holds the fixture `conv2d`.

        A fixture with params, not `pytest_generate_tests`: Hypothesis keys its database by node id
        only then.
        """
        ids = [f"{target.short}-{target.device}" for target in self.targets]

        @pytest.fixture(scope="session", params=self.targets, ids=ids)
        def conv2d(request: pytest.FixtureRequest) -> Subject:
            """Return the implementation under test, in its child process."""
            return self.subject(request.param)

        module = ModuleType("conv2d_fixtures")
        vars(module)["conv2d"] = conv2d
        return module

    def subject(self, target: Implementation) -> Subject:
        """Return the subject of a target; its worker is started once and kept."""
        key = str(target)
        if key not in self.subjects:
            worker = getattr(self.config, "workerinput", {}).get("workerid", "gw0")
            own = placed(target.device, self.present, worker)
            target = replace(target, device=own, asked=target.device)
            turns = Turns(Path(self.turns), own) if self.turns and own != "cpu" else None
            runner = Runner(target, self.spares, (8 << 30) + needed(self.large), turns)
            facts = runner.start()
            require_memory(self.large, target.device, facts)
            domain = inherent(self.domain, target, runner.form)
            target = target.on(facts) if self.rows is None else replace(target, rows=self.rows)
            defects = stock_defects(facts) if target.is_stock else ()
            defects += tuple(defect for defect in self.known if defect.affects(facts))
            self.subjects[key] = Subject(target, runner, domain, defects)
            self.subjects[key].large, self.subjects[key].shard = self.large, self.shard
        return self.subjects[key]

    def prepare(self, items: list[pytest.Item]) -> None:
        """Give each property its settings, its seed, and its search."""
        self.items = self.items_left = max(1, len(items))
        for item in items:
            test = getattr(item, "obj", None)
            if not hasattr(test, "hypothesis"):
                continue
            prepare(test, self.profile, self.seed, self.shard)

    def recorder(self, name: str, implementation: Implementation) -> Callable[..., object]:
        """Return what takes the calls of each example of a property."""
        if self.recording is None:
            return lambda calls: None
        return partial(self.recording.write, implementation=implementation, name=name)

    def deadline(self) -> float | None:
        """Return when the next item must end, in seconds of `time.monotonic`; None without end."""
        if self.seconds is None or self.began is None:
            return None
        left = max(0.0, self.began + self.seconds - time.monotonic())
        share = left * WORKERS / max(WORKERS, self.items_left)
        return time.monotonic() + max(share, min(MOMENT, self.seconds))

    def time_is_up(self) -> bool:
        """Tell whether the budget is spent, or a moment for each property if that is more."""
        if self.seconds is None or self.began is None:
            return False
        moments = min(MOMENT, self.seconds) * self.items / WORKERS
        return time.monotonic() > self.began + max(self.seconds, moments)

    @property
    def directory(self) -> Path:
        """Where cases and scripts are written."""
        return report_path(self.config).parent

    def conclude(self, status: int, planned: int) -> int:
        """Write report.json and return the exit status of a run that pytest ends with `status`.

        A run whose report cannot be written has told nobody what it found.
        """
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        results = replace(summary.results(self, reporter), planned=planned)
        failures = len([*results.lost, *results.failed]) + sum(
            record["outcome"] == "failed" for record in results.records
        )
        maxfail = self.config.getoption("maxfail") or 0
        stopped = bool(results.lost) or 0 < maxfail <= failures
        strict = bool(self.config.getoption("--conv2d-strict-known"))
        outcome = conclude(status, results, stopped, strict)
        self.report = compose(self, list(results.records), outcome)
        try:
            write(self.report, report_path(self.config))
        except OSError as error:
            outcome = unreported(outcome, error)
            self.report = compose(self, list(results.records), outcome)
        return int(outcome.status)

    def summary(self, reporter: Any) -> None:
        """Print the closing summary."""
        summary.close(self, reporter, self.report)

    def close(self) -> None:
        """End every child."""
        for subject in self.subjects.values():
            subject.runner.close()
        self.subjects.clear()
        self.spares.close()
        if self.folder is not None:
            self.folder.cleanup()
