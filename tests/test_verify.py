"""`verify`: the same engine from Python and from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import properties
from properties import Report, __main__, verification, verify
from properties.case import Case
from properties.replay import Outcome
from tests.plugin_targets import (
    BRIEF,
    POINTWISE,
    ROOT,
    UNBATCHED,
    environment,
    property_of,
    red_run,
    run_pytest,
)

# A domain in which few properties have a case, so that a run takes seconds.
ONLY = (
    "dtype=float32 kernel=1x1 stride=1 padding=0 padding_mode=zeros dilation=1",
    "groups=1 batch=1 bias=no layout=contiguous passes=forward mode=eager",
)

MOMENT = 0.2  # seconds for each property: what is wrong everywhere is found, and the run ends soon
# For a wrong implementation; that all properties run is seen where the right one is verified.
FEW = "pointwise_is or value_lies"

GENERATED = (ROOT / "tests" / "hostile" / "fallbacks.py").read_text()


def harness(answer: Callable[..., Report]) -> Callable[..., tuple[float, str]]:
    """Return the function that README has for generated code; `answer` is its `verify`."""
    blocks = (ROOT / "README.md").read_text().split("```python\n")[1:]
    (code,) = (block.partition("```")[0] for block in blocks if "def score(" in block)
    names: dict[str, Any] = {}
    exec(code, names)
    names["verify"] = answer
    score: Callable[..., tuple[float, str]] = names["score"]
    return score


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run that `verify` starts ask a few properties, and repeat its violation once."""
    start, few = verification.run_pytest, ("-k", FEW)
    monkeypatch.setattr(verification, "run_pytest", lambda words: start([*words, *few, *BRIEF]))


def kept(reports: list[Report], directory: Path) -> Callable[..., Report]:
    """Return a `verify` that keeps its report, and the files where a test can look at them."""

    def answer(implementation: str, **options: Any) -> Report:
        reports.append(verify(implementation, **{**options, "directory": directory}))
        return reports[-1]

    return answer


def test_right_implementation_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A right implementation: ok, no violation, and how many cases say so.

    It comes as source text, by README's function for generated code, and runs nothing of torch's.
    """
    monkeypatch.chdir(tmp_path)  # the example database of this profile goes there
    reports: list[Report] = []
    profile, before = "conv2d-dev", list(sys.path)
    score = harness(kept(reports, tmp_path))(
        GENERATED + "conv2d = honest\n", only=ONLY, seconds=60, profile=profile
    )
    (report,) = reports
    assert score == (1.0, ""), report.output
    assert sys.path == before
    assert report.data["own"]
    assert report.ok
    assert (report.exit_status, list(report.violations)) == (0, [])
    assert report.examples > 20
    assert str(report) == f"verified: {report.examples} cases, no violation"
    assert report.data == json.loads((tmp_path / "report.json").read_text())
    assert report.data["profile"] == profile
    assert report.data["domain"].startswith("dtype=float32 kernel=1x1")


@pytest.mark.usefixtures("brief")
def test_wrong_implementation_is_found(tmp_path: Path) -> None:
    """A wrong implementation: each violation with kind, call, text and a script that exists.

    README's function gives generated code that returns zeros less than 1.0, and the first of them.
    """
    target = "generated:conv2d"
    reports: list[Report] = []
    source = GENERATED + "def conv2d(*args): return honest(*args) * 0"
    score, first = harness(kept(reports, tmp_path))(source, only=ONLY, seconds=MOMENT)
    (report,) = reports
    assert 0 <= score < 1
    assert first == report.violations[0].text
    assert not report.ok
    assert report.exit_status == 1
    kinds = {found.kind for found in report.violations}
    assert "value" in kinds
    assert kinds <= {"value", "relation", "poison"}
    for found in report.violations:
        assert found.target == f"{target} on cpu"
        assert isinstance(found.case, Case)
        assert found.case.weight.shape[-2:] == (1, 1)
        assert found.case.summary() in found.text
        assert found.text.startswith(f"{found.kind.title()}Violation: {found.title}\n")
        assert found.script.is_relative_to(tmp_path)
        compile(found.script.read_text(), str(found.script), "exec")
    count = len(report.violations)
    assert str(report).startswith(f"{count} violation")
    assert all(found.text in str(report) for found in report.violations)


def test_generated_code_that_cannot_be_loaded_scores_nothing() -> None:
    """What `verify` refuses has the score 0.0 and the reason; a run without a report has too."""

    def refuse(implementation: str, **options: Any) -> Report:
        raise ValueError("conv2d-properties: generated:conv2d: SyntaxError")

    assert harness(refuse)("(") == (0.0, "conv2d-properties: generated:conv2d: SyntaxError")
    empty = Report(False, [], 0, 3, {}, "")
    assert harness(lambda *arguments, **options: empty)("") == (0.0, "")


def test_spent_budget_ends_a_run_that_found_something(tmp_path: Path) -> None:
    """Once a violation is found and the time is up, no further property begins; each is named.

    The violation itself is repeated in a fresh process and filed, however short the time.
    """
    names = (property_of(POINTWISE), property_of(UNBATCHED))
    target = ("--conv2d-impl", "tests.plugin_targets:crashes")
    limits = ("--conv2d-seconds", "0.5", *BRIEF)
    run = run_pytest(tmp_path, *names, *target, *limits, REPEATS="5")
    assert run.status == 1, run.output
    (violation,) = run.report["violations"]
    assert (violation["kind"], violation["behaviour"]) == ("crash", "deterministic")
    assert (violation["repeats"], violation["processes"]) == (1, 1)
    assert {item["outcome"] for item in run.report["items"]} == {"failed", "skipped"}
    assert "the time was up, and a violation had been found\n" in run.output
    assert not run.report["ok"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"implementation": "conv2d"}, "`target`='conv2d' is not of the form PACKAGE.MODULE:NAME"),
        ({"only": ["groups=9"]}, "`groups`='9' is not one of 1, 2, depthwise, multiplier, prime"),
        ({"profile": "conv2d-unheard-of"}, "conv2d-unheard-of"),
        ({"call_seconds": -1.0}, "`call_seconds`=-1.0 is not a number of seconds"),
    ],
    ids=["implementation", "domain", "profile", "seconds"],
)
def test_wrong_request_is_a_value_error(
    request_: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """What pytest calls a usage error is a ValueError with pytest's words."""
    plain: dict[str, Any] = {"implementation": "F.conv2d", "directory": tmp_path, "only": ONLY}
    with pytest.raises(ValueError, match=r"\S") as caught:
        verify(**(plain | request_))
    assert said in str(caught.value)


def _command(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "properties", *words],
        cwd=directory,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


@pytest.mark.usefixtures("brief")
def test_command_line_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m properties verify` exits 1 on a violation and writes the report to --json."""
    monkeypatch.chdir(tmp_path)  # where the other files go
    written = tmp_path / "out.json"
    words = [word for constraint in ONLY for word in ("--only", constraint)]
    words += ["--seconds", str(MOMENT), "--json", str(written), "--own"]
    assert __main__.main(["verify", "tests.hostile.fallbacks:always", *words]) == 1
    report = json.loads(written.read_text())
    assert not report["ok"]
    assert {violation["kind"] for violation in report["violations"]} == {"fallback"}
    said = "FallbackViolation: an implementation of its own ran aten::convolution"
    assert capsys.readouterr().out.count(said) == len(report["violations"])


@pytest.mark.parametrize(
    ("ok", "exit_status", "expected"), [(True, 0, 0), (False, 1, 1), (False, 2, 2), (False, 0, 1)]
)
def test_command_line_status(
    ok: bool,
    exit_status: int,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Status 0 means verified and nothing else does; otherwise it is pytest's, never 0."""
    report = Report(ok, [], 7, exit_status, {}, "what pytest said")
    asked: dict[str, Any] = {}

    def answer(implementation: str, **options: Any) -> Report:
        asked.update(options, implementation=implementation)
        return report

    monkeypatch.setattr(__main__, "verify", answer)
    arguments = ["verify", "my:conv", "--device", "cpu", "--only", "groups=1", "-n", "3", "--own"]
    assert __main__.main([*arguments, "--call-seconds", "60"]) == expected
    assert capsys.readouterr().out == f"{report}\n"
    assert (asked["implementation"], asked["own"]) == ("my:conv", True)
    assert asked["call_seconds"] == 60.0
    assert (asked["device"], asked["only"], asked["workers"]) == (["cpu"], ["groups=1"], "3")


def test_command_line_refuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong request exits 4, its reason on stderr."""

    def refuse(implementation: str, **options: Any) -> Report:
        raise ValueError("device 'cuda' is not there")

    monkeypatch.setattr(__main__, "verify", refuse)
    assert __main__.main(["verify", "F.conv2d", "--device", "cuda"]) == 4
    assert capsys.readouterr() == ("", "device 'cuda' is not there\n")


@pytest.mark.parametrize(
    ("statuses", "expected"), [((0, 0), 0), ((0, 5), 5), ((5, 1), 1), ((1, 0), 1)]
)
def test_replay_command_reports_the_worst(
    statuses: tuple[int, int],
    expected: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of several files one that fails decides the exit status; --json names every outcome."""
    answers = {f"{n}.json": Outcome(status, f"text {n}") for n, status in enumerate(statuses)}
    monkeypatch.setattr(
        __main__, "replay_all", lambda path, *elsewhere: {str(path): answers[str(path)]}
    )
    written = tmp_path / "out.json"
    assert __main__.main(["replay", *answers, "--json", str(written)]) == expected
    assert capsys.readouterr().out.startswith("text 0\ntext 1\n")
    words = {0: "FIXED", 1: "FAILED", 5: "CANNOT RUN HERE"}
    assert json.loads(written.read_text()) == {n: words[s] for n, (s, _) in answers.items()}


def test_case_of_a_run_can_be_replayed(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The case.json that a run files is what `python -m properties replay` takes: FAILED, 1."""
    red = red_run(tmp_path_factory)
    (violation,) = red.report["violations"]
    done = _command(tmp_path, "replay", violation["case"])
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith(f"FAILED {violation['case']}\nValueViolation: ")


def test_public_names_stay() -> None:
    """`from properties import verify, Case, Report` gives the same objects every time."""
    for _ in range(2):
        names: dict[str, Any] = {}
        exec("from properties import Case, Report, verify", names)
        assert (names["Case"], names["Report"]) == (Case, Report)
        assert callable(names["verify"])
    with pytest.raises(AttributeError, match="module 'properties' has no attribute 'verfy'"):
        _ = properties.verfy
