"""The plugin from outside: requests, header, summary, report.json, profiles, and its sleep."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from properties.outcome import Results, Status, conclude
from properties.profiles import BROADEST, PROFILES
from properties.session import Session
from tests.killing import gate
from tests.plugin_targets import (
    BRIEF,
    ONLY,
    POINTWISE,
    ROOT,
    UNBATCHED,
    Run,
    green_run,
    property_of,
    red_run,
    run_pytest,
    shared_run,
)

NAME = POINTWISE.partition("::")[2]
STOCK = ("--conv2d-impl", "F.conv2d")
WRONG = ("--conv2d-impl", "tests.plugin_targets:adds_one")


@pytest.fixture
def green(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run without a violation."""
    return green_run(tmp_path_factory)


@pytest.fixture
def red(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run with a violation."""
    return red_run(tmp_path_factory)


def _usage_error(directory: Path, *arguments: str) -> str:
    """Return the last line of a run that must be refused, and must not leave an older report."""
    (directory / "report.json").write_text('{"ok": true}')
    run = run_pytest(directory, property_of(POINTWISE), *arguments)
    assert run.status == 4, run.output
    assert not run.report
    return run.output.strip().splitlines()[-1]


def test_the_broadest_properties_come_first(tmp_path: Path) -> None:
    """What sees most defects runs first, on each implementation; the others in their order."""
    run = run_pytest(
        tmp_path, str(ROOT / "properties"), "--collect-only", "-q", "--conv2d-device=cpu"
    )
    names = re.findall(r"::(\w+)\[", run.output)
    found = list(dict.fromkeys(names))
    assert found[: len(BROADEST)] == list(BROADEST)
    assert [name for name in found if name in gate()] == list(gate())


def test_absent_device_is_refused(tmp_path: Path) -> None:
    """A device that is not there ends the run, exit status 4, and is named with those present."""
    said = _usage_error(tmp_path, *STOCK, "--conv2d-device", "mars:3")
    assert re.fullmatch(
        r"ERROR: conv2d-properties: device 'mars:3' is not there; present: cpu\b.*", said
    )


def test_unusable_implementation_is_refused(tmp_path: Path) -> None:
    """What cannot be imported or called ends the run with the reason, before any test."""
    said = _usage_error(tmp_path, "--conv2d-impl", "tests.plugin_targets:NOT_CALLABLE")
    assert "is a float, not callable" in said


def test_malformed_domain_is_refused(tmp_path: Path) -> None:
    """A misspelt factor or level is named beside the right ones; it never widens the domain."""
    said = _usage_error(tmp_path, *STOCK, "--conv2d-only", "dtpye=float32")
    assert "`dtpye=float32` is not FACTOR=LEVEL; factors: dtype, kernel, stride," in said


def test_header_says_what_is_verified(green: Run) -> None:
    """Profile, implementation, device, versions and domain stand above the run."""
    assert "conv2d-properties: profile conv2d-gate (fixed seeds)\n" in green.output
    line = r"^  F\.conv2d on cpu: torch 2\S+, oneDNN .+, .+$"
    assert re.search(line, green.output, re.MULTILINE), green.output
    assert f"\n  domain: {ONLY}\n" in green.output


def test_summary_lists_the_properties(green: Run) -> None:
    """A property's line has its cases, its seconds and its share of the bound; then the totals."""
    for item in green.report["items"]:
        title = item["property"].removeprefix("test_").replace("_", " ")
        row = rf"^{title} +{item['cases']} +\d+\.\d +{item['used']:.3f}$"
        assert re.search(row, green.output, re.MULTILINE), green.output
    total = green.report["examples"]
    assert f"\n{total} cases on F.conv2d on cpu; domain: {ONLY}\n" in green.output
    assert f"\nreport: {Path(green.directory, 'report.json')}\n" in green.output


def test_report_has_its_fields(green: Run) -> None:
    """report.json: schema, ok, profile, seed, domain, versions, totals and a record per item."""
    report = green.report
    assert (report["schema"], report["ok"], report["violations"]) == (2, True, [])
    assert (report["profile"], report["seed"]) == ("conv2d-gate", 0)
    assert report["domain"] == ONLY
    facts = report["environment"]["F.conv2d on cpu"]
    assert {"python", "torch", "devices", "cpu", "onednn", "device_name"} <= set(facts)
    assert facts["python"] == sys.version.split()[0]
    assert report["examples"] == sum(item["cases"] for item in report["items"])
    by_name = {item["property"]: item for item in report["items"]}
    item = by_name[NAME]
    assert (item["target"], item["outcome"]) == ("F.conv2d on cpu", "passed")
    assert item["nodeid"].endswith(f"{POINTWISE}[F.conv2d-cpu]")
    assert item["cases"] >= 50
    assert 0 <= item["used"] <= 1
    assert item["seconds"] > 0
    assert re.fullmatch(r"[0-9a-f]{16}", item["digest"])


@pytest.fixture
def hunt(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run without end that has two seconds, under CI=1, from a seed that is given."""
    names = [property_of(name) for name in (POINTWISE, UNBATCHED)]
    budget = ("--hypothesis-profile", "conv2d-hunt", "--conv2d-seconds", "2", "--hypothesis-seed=7")
    return shared_run(tmp_path_factory, "hunt", *names, *STOCK, *budget, CI="1")


def test_time_budget_ends_a_hunt(hunt: Run) -> None:
    """--conv2d-seconds ends a search without end, in about that time, and it still reports."""
    assert hunt.status == 0, hunt.output
    assert hunt.report["ok"]
    assert all(item["cases"] > 0 for item in hunt.report["items"])
    assert 1 < sum(item["seconds"] for item in hunt.report["items"]) < 5
    # Starting and ending processes comes on top, on a machine that others use.
    assert hunt.report["seconds"] < 60
    assert "profile conv2d-hunt (seed 7, 2 s)\n" in hunt.output


def test_nightly_runs_differ_under_ci(
    hunt: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI=1 pins no nightly to one seed; --hypothesis-seed does, and the report names the seed."""
    limits = ("--hypothesis-profile", "conv2d-nightly", "--conv2d-seconds", "1", *STOCK)
    drawn = run_pytest(tmp_path, property_of(POINTWISE), *limits, CI="1")
    seed = drawn.report["seed"]
    assert hunt.report["seed"] == 7
    monkeypatch.setenv("CI", "1")
    config = SimpleNamespace(getoption=lambda name, default: default)
    unpinned: Any = SimpleNamespace(profile=PROFILES["conv2d-nightly"], config=config)
    assert len({seed, Session._seed(unpinned), Session._seed(unpinned)}) == 3
    assert drawn.digests[NAME] != hunt.digests[NAME]
    assert f"profile conv2d-nightly (seed {seed}, 1 s)" in drawn.output


def test_what_the_database_kept_is_replayed(tmp_path: Path) -> None:
    """`conv2d-replay` runs the failures that an earlier run kept, and nothing else: then status 5.

    What one implementation passes takes nothing away from another.
    """

    def run(profile: str, *targets: str) -> Run:
        words = (property_of(POINTWISE), f"--rootdir={ROOT}", "--hypothesis-profile", profile)
        return run_pytest(tmp_path, *words, *targets, *BRIEF, cwd=tmp_path)

    assert run("conv2d-dev", *WRONG, *STOCK).status == 1
    found = run("conv2d-replay", *WRONG, *STOCK)
    assert found.status == 1, found.output
    assert [item["cases"] for item in found.report["items"]] == [0, 1]
    (nothing,) = (item for item in found.report["items"] if not item["cases"])
    assert conclude(0, Results([nothing])).status == Status.UNVERIFIED


def test_properties_without_a_case_verify_nothing(tmp_path: Path) -> None:
    """A property that saw no call fails; one outside the domain is skipped, and listed by name."""
    names = (property_of(POINTWISE), property_of(UNBATCHED))
    limits = ("--conv2d-seconds", "0", "--conv2d-only", "batch=2|4")
    run = run_pytest(tmp_path, *names, *STOCK, *limits)
    assert run.status == 5
    assert "the property saw no case: nothing was verified" in run.output
    assert "During handling of the above exception" not in run.output
    assert "not verified for F.conv2d on cpu: unbatched is a batch of one, outside" in run.output
    assert "needs batch=unbatched, declared batch=2|4" in run.output
    assert not run.report["ok"]
    assert {item["outcome"] for item in run.report["items"]} == {"failed", "skipped"}
    assert run.report["examples"] == 0


def test_errors_beside_the_call_are_not_ok(tmp_path: Path) -> None:
    """An implementation that loads in the controller alone fails every worker's test: status 3."""
    lines = ["import os", "from torch.nn.functional import conv2d"]
    lines += ["assert 'PYTEST_XDIST_WORKER' not in os.environ, 'only in the controller'"]
    (tmp_path / "shy.py").write_text("\n".join(lines))
    arguments = (property_of(POINTWISE), "--conv2d-impl", "shy:conv2d", "-n", "1")
    run = run_pytest(tmp_path, *arguments, PYTHONPATH=str(tmp_path))
    assert run.status == 3, run.output
    assert "only in the controller" in run.output
    assert not run.report["ok"]


def _require_shown_and_filed(run: Run) -> None:
    assert run.status == 1
    assert not run.report["ok"]
    (violation,) = run.report["violations"]
    assert (violation["kind"], violation["property"], violation["target"]) == (
        "value",
        NAME,
        "tests.plugin_targets:adds_one on cpu",
    )
    first = violation["text"].splitlines()[0]
    assert re.fullmatch(r"ValueViolation: y\[0, .+\] = .+ (is not|lies outside) .+", first)
    assert run.output.count(violation["text"]) == 1
    for noise in ("Traceback", "Failing test case", "Falsifying", "You can reproduce", "E   "):
        assert noise not in run.output
    line = rf"^FAILED .+{NAME}.+ - {re.escape(first)}$"
    assert re.search(line, run.output, re.MULTILINE), run.output
    assert "  FAILED for tests.plugin_targets:adds_one on cpu\n" in run.output
    case, script = Path(violation["case"]), Path(violation["script"])
    assert json.loads(case.read_text())["violation"] == "value"
    assert first in script.read_text()
    assert f"\n  reproduce       python {script}" in violation["text"]
    (failure,) = ElementTree.parse(Path(run.directory, "junit.xml")).getroot().iter("failure")
    assert failure.attrib["message"].startswith(first)
    for file in (case, script):
        assert file.read_text().strip() in (failure.text or "")
        assert file.read_text().strip() not in run.output


def test_violation_is_shown_and_filed(red: Run) -> None:
    """A violation: exit status 1, shown once in its own words, filed as case, script and record.

    JUnit and the one-line summary show its first line, complete; JUnit also has both files.
    """
    _require_shown_and_filed(red)


def test_violation_crosses_from_a_worker(tmp_path: Path) -> None:
    """With pytest-xdist the same is shown and filed."""
    _require_shown_and_filed(
        run_pytest(tmp_path, property_of(POINTWISE), *WRONG, "-n", "1", *BRIEF)
    )


def test_plugin_sleeps_in_other_projects(tmp_path: Path) -> None:
    """A run that asks for no property imports nothing heavy for it and starts no process."""
    test = tmp_path / "test_other.py"
    test.write_text(
        "import sys\nfrom pathlib import Path\n\n\n"
        "def test_nothing_was_loaded():\n"
        "    assert 'properties.plugin' in sys.modules\n"
        "    heavy = {'numpy', 'torch', 'hypothesis', 'reference', 'properties.session'}\n"
        "    assert not heavy & set(sys.modules)\n"
        "    children = Path('/proc/self/task').glob('*/children')\n"
        "    assert not any(path.read_text() for path in children)\n"
    )
    arguments = ("-p", "properties.plugin", "-p", "no:xdist", str(test))
    run = run_pytest(tmp_path, *arguments, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert run.status == 0, run.output
    # An installed package is named among pytest's plugins, and nowhere else.
    assert not [line for line in run.output.splitlines() if line.startswith("conv2d-properties:")]
    assert not run.report
