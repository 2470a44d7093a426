"""The plugin from outside: requests, header, summary, report.json, profiles, and its sleep."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest

from properties.session import resolve_devices
from tests.plugin_targets import ONLY, POINTWISE, ROOT, UNBATCHED, Run, property_of, run_pytest

NAME = POINTWISE.partition("::")[2]
STOCK = ("--conv2d-impl", "F.conv2d")
WRONG = ("--conv2d-impl", "tests.plugin_targets:adds_one")
TARGET = "tests.plugin_targets:adds_one on cpu"


def _usage_error(directory: Path, *arguments: str) -> str:
    """Return the last line of a run that must be refused."""
    run = run_pytest(directory, property_of(POINTWISE), *arguments)
    assert run.status == 4, run.output
    assert not run.report
    return run.output.strip().splitlines()[-1]


@cache
def _green() -> Run:
    with TemporaryDirectory() as directory:
        return run_pytest(Path(directory), property_of(POINTWISE), *STOCK)


# Requests


def test_absent_device_is_refused(tmp_path: Path) -> None:
    """A device that is not there ends the run, exit status 4, and is named with those present."""
    said = _usage_error(tmp_path, *STOCK, "--conv2d-device", "mars:3")
    assert re.fullmatch(
        r"ERROR: conv2d-properties: device 'mars:3' is not there; present: cpu\b.*", said
    )


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [
        (None, ["cpu", "cuda:0", "cuda:1"]),
        (["all"], ["cpu", "cuda:0", "cuda:1", "xpu:0"]),
        (["cuda", "cpu"], ["cuda", "cpu"]),
        (["xpu:0", "all"], ["xpu:0", "cpu", "cuda:0", "cuda:1"]),
        (["cpu", "cpu"], ["cpu"]),
    ],
)
def test_devices_are_resolved(asked: list[str] | None, resolved: list[str]) -> None:
    """Default is the CPU and every CUDA device; `all` is all there is; each is verified once."""
    assert resolve_devices(asked, ["cpu", "cuda:0", "cuda:1", "xpu:0"]) == resolved


@pytest.mark.parametrize("name", ["cuda:2", "mps", "cuda:x", "cpu:1", ""])
def test_devices_that_are_absent_are_named(name: str) -> None:
    """No device is silently replaced by another one."""
    with pytest.raises(ValueError, match=r"is not there; present: cpu, cuda:0, cuda:1$") as caught:
        resolve_devices([name], ["cpu", "cuda:0", "cuda:1"])
    assert str(caught.value).startswith(f"device {name!r} ")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_module:f", "no_such_module:f: ModuleNotFoundError: No module named"),
        ("math:no_such_name", "math:no_such_name: AttributeError: "),
        ("tests.plugin_targets:NOT_CALLABLE", "is a float, not callable"),
    ],
)
def test_unusable_implementation_is_refused(target: str, reason: str, tmp_path: Path) -> None:
    """What cannot be imported or called ends the run with the reason, before any test."""
    assert reason in _usage_error(tmp_path, "--conv2d-impl", target)


@pytest.mark.parametrize(
    ("constraint", "said"),
    [
        ("dtype=float8", "`dtype`='float8' is not one of float32, float64"),
        ("dtpye=float32", "`dtpye=float32` is not FACTOR=LEVEL; factors: dtype, kernel, stride,"),
        ("float32", "`float32` is not FACTOR=LEVEL; factors: dtype, "),
    ],
)
def test_malformed_domain_is_refused(constraint: str, said: str, tmp_path: Path) -> None:
    """A misspelt factor or level is named beside the right ones; it never widens the domain."""
    assert said in _usage_error(tmp_path, *STOCK, "--conv2d-only", constraint)


# A run without a violation


def test_header_says_what_is_verified() -> None:
    """Profile, implementation, device, versions and domain stand above the run."""
    output = _green().output
    assert "conv2d-properties: profile conv2d-gate (fixed seeds)\n" in output
    assert re.search(r"^  F\.conv2d on cpu: torch 2\S+, oneDNN .+, .+$", output, re.MULTILINE)
    assert f"\n  domain: {ONLY}\n" in output


def test_summary_lists_the_properties() -> None:
    """A property's line has its cases, its seconds and its share of the bound; then the totals."""
    run = _green()
    (item,) = run.report["items"]
    row = rf"^pointwise is a matrix product +{item['cases']} +\d+\.\d +{item['used']:.3f}$"
    assert re.search(row, run.output, re.MULTILINE), run.output
    assert f"\n{item['cases']} cases on F.conv2d on cpu; domain: dtype=float32" in run.output
    assert f"\nreport: {run.directory / 'report.json'}\n" in run.output


def test_report_has_its_fields() -> None:
    """report.json: schema, ok, profile, seed, domain, versions, totals and a record per item."""
    report = _green().report
    assert {key: report[key] for key in ("schema", "ok", "profile", "seed", "violations")} == {
        "schema": 1,
        "ok": True,
        "profile": "conv2d-gate",
        "seed": 0,
        "violations": [],
    }
    facts = report["environment"]["F.conv2d on cpu"]
    assert {"python", "torch", "devices", "cpu", "onednn", "device_name"} <= set(facts)
    assert facts["python"] == sys.version.split()[0]
    (item,) = report["items"]
    assert (item["property"], item["target"]) == (NAME, "F.conv2d on cpu")
    assert item["outcome"] == "passed"
    assert item["nodeid"].endswith(f"{POINTWISE}[F.conv2d-cpu]")
    assert 50 <= item["cases"] == report["examples"]
    assert 0 <= item["used"] <= 1
    assert item["seconds"] > 0
    assert re.fullmatch(r"[0-9a-f]{16}", item["digest"])


def test_ci_changes_nothing_about_the_gate(tmp_path: Path) -> None:
    """CI=1, where Hypothesis takes another profile by itself, leaves the gate's inputs the same."""
    run = run_pytest(tmp_path, property_of(POINTWISE), *STOCK, CI="1")
    assert run.status == 0, run.output
    assert run.digests == _green().digests
    assert run.report["profile"] == "conv2d-gate"


def test_ci_does_not_pin_a_search(tmp_path: Path) -> None:
    """Two runs of conv2d-dev draw different inputs under CI=1 too, and print their seeds."""
    profile = ("--hypothesis-profile", "conv2d-dev", "--conv2d-only", "batch=1")
    runs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        run = run_pytest(tmp_path / name, property_of(POINTWISE), *STOCK, *profile, CI="1")
        assert run.status == 0, run.output
        seed = run.report["seed"]
        assert f"conv2d-properties: profile conv2d-dev (seed {seed})\n" in run.output
        runs.append(run)
    assert runs[0].report["seed"] != runs[1].report["seed"]
    assert runs[0].digests != runs[1].digests


def test_time_budget_ends_a_hunt(tmp_path: Path) -> None:
    """--conv2d-seconds ends a search without end, in about that time, and it still reports."""
    names = [property_of(name) for name in (POINTWISE, UNBATCHED)]
    budget = ("--hypothesis-profile", "conv2d-hunt", "--conv2d-seconds", "9")
    began = time.monotonic()
    run = run_pytest(tmp_path, *names, *STOCK, *budget, CI="1")
    assert run.status == 0, run.output
    # Starting and ending processes comes on top, on a machine that others use.
    assert time.monotonic() - began < 60
    assert run.report["ok"]
    assert all(item["cases"] > 0 for item in run.report["items"])
    assert 1 < sum(item["seconds"] for item in run.report["items"]) < 12
    assert ", 9 s)\n" in run.output


# Runs that must not count as green


def test_property_without_a_case_fails(tmp_path: Path) -> None:
    """A property that saw no call has verified nothing: no time is no pass."""
    run = run_pytest(tmp_path, property_of(POINTWISE), *STOCK, "--conv2d-seconds", "0")
    assert run.status == 1
    assert "the property saw no case: nothing was verified" in run.output
    assert not run.report["ok"]
    assert run.report["items"][0]["cases"] == 0


def test_property_outside_the_domain_is_skipped_by_name(tmp_path: Path) -> None:
    """What the domain leaves out is listed as not verified, and alone it makes no run ok."""
    run = run_pytest(tmp_path, property_of(UNBATCHED), *STOCK, "--conv2d-only", "batch=2|4")
    assert "not verified for F.conv2d on cpu: unbatched is a batch of one, outside" in run.output
    assert "needs batch=unbatched, declared batch=2|4" in run.output
    assert not run.report["ok"]


def test_earlier_report_does_not_speak_for_this_run(tmp_path: Path) -> None:
    """After a run in which no property ran, an older report.json is gone or not ok."""
    (tmp_path / "report.json").write_text('{"ok": true}')
    run = run_pytest(tmp_path, property_of(POINTWISE), *STOCK, "-k", "no_such_property")
    assert run.status == 5
    assert not run.report.get("ok")


def test_errors_beside_the_call_are_not_ok(tmp_path: Path) -> None:
    """An implementation that loads in the controller alone fails every worker's test: not ok."""
    lines = ["import os", "from torch.nn.functional import conv2d"]
    lines += ["assert 'PYTEST_XDIST_WORKER' not in os.environ, 'only in the controller'"]
    (tmp_path / "shy.py").write_text("\n".join(lines))
    arguments = (property_of(POINTWISE), "--conv2d-impl", "shy:conv2d", "-n", "1")
    run = run_pytest(tmp_path, *arguments, PYTHONPATH=str(tmp_path))
    assert run.status == 1, run.output
    assert "only in the controller" in run.output
    assert not run.report["ok"]


# A run with a violation


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_violation_is_shown_and_filed(workers: tuple[str, ...], tmp_path: Path) -> None:
    """A violation: exit status 1, shown once in its own words, filed as case, script and record.

    JUnit and the one-line summary show its first line, complete.
    """
    xml = tmp_path / "junit.xml"
    run = run_pytest(tmp_path, property_of(POINTWISE), *WRONG, f"--junitxml={xml}", *workers)
    assert run.status == 1
    assert not run.report["ok"]
    (violation,) = run.report["violations"]
    assert (violation["kind"], violation["property"], violation["target"]) == (
        "value",
        NAME,
        TARGET,
    )
    first = violation["text"].splitlines()[0]
    assert re.fullmatch(r"ValueViolation: y\[0, .+\] = .+ (is not|lies outside) .+", first)
    assert run.output.count(violation["text"]) == 1
    for noise in ("Traceback", "Failing test case", "Falsifying", "You can reproduce", "E   "):
        assert noise not in run.output
    assert re.search(rf"^FAILED .+{NAME}.+ - {re.escape(first)[:40]}", run.output, re.MULTILINE)
    assert f"FAILED for {TARGET}" in run.output
    case, script = Path(violation["case"]), Path(violation["script"])
    assert json.loads(case.read_text())["violation"] == "value"
    assert first in script.read_text()
    assert f"\n  reproduce       python {script}" in violation["text"]
    (failure,) = ElementTree.parse(xml).getroot().iter("failure")
    assert failure.attrib["message"].startswith(first)


def test_case_of_a_run_can_be_replayed(tmp_path: Path) -> None:
    """The case.json that a run files is what `python -m properties replay` takes: FAILED, 1."""
    run = run_pytest(tmp_path, property_of(POINTWISE), *WRONG)
    command = [sys.executable, "-m", "properties", "replay", run.report["violations"][0]["case"]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("FAILED ")


# Where it runs from


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_checkout_needs_no_installation(workers: tuple[str, ...], tmp_path: Path) -> None:
    """Plain `pytest` in a checkout finds plugin and properties, in every worker."""
    for package in ("properties", "reference"):
        shutil.copytree(ROOT / package, tmp_path / package)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tests").mkdir()
    run = run_pytest(tmp_path, "-k", NAME, *STOCK, *workers, cwd=tmp_path)
    assert run.status == 0, run.output
    assert run.digests == _green().digests


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
    assert "conv2d" not in run.output
    assert not run.report
