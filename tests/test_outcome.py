"""The exit status of a run, rule by rule, and report.json against its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import properties
from properties.outcome import Results, Status, conclude, unreported
from properties.report import properties_of_the_gate
from tests.killing import gate
from tests.plugin_targets import Run, green_run, property_of, red_run, run_pytest

GOOD = {
    "property": "test_a",
    "target": "F.conv2d on cpu",
    "outcome": "passed",
    "cases": 3,
    "defects": {"a": "there", "b": "FIXED"},
}
SKIPPED = {**GOOD, "outcome": "skipped", "skipped": "outside the domain", "cases": 0}
FAILED = {**GOOD, "outcome": "failed"}
BAD = {**FAILED, "violation": {"title": "y[0] = 1 is not 2"}}
VAIN = {**FAILED, "unverified": "the property saw no case", "cases": 0}
SCHEMA = json.loads((Path(properties.__file__).parent / "report.schema.json").read_text())


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (Results([GOOD, SKIPPED]), 0),
        (Results([GOOD, BAD]), 1),
        (Results([BAD, VAIN, FAILED], lost=["x"]), 1),
        (Results([GOOD], unended=["y[0] = 1 is not 2"]), 1),
        (Results([GOOD], failed=["tests/test_wire.py::test_a"]), 1),
        (Results([GOOD, FAILED]), 3),
        (Results([GOOD, VAIN, FAILED]), 3),
        (Results([GOOD], lost=["properties/test_value.py::test_b"]), 3),
        (Results([GOOD, VAIN]), 5),
        (Results([SKIPPED, SKIPPED]), 5),
        (Results(), 5),
        (Results(passed=7), 0),
    ],
)
@pytest.mark.parametrize("pytest_status", [0, 1])
def test_what_a_run_ends_with(results: Results, expected: int, pytest_status: int) -> None:
    """Violations win over a broken suite, that over what is not verified; each has its reason."""
    outcome = conclude(pytest_status if expected else 0, results)
    assert outcome.status == expected, outcome
    assert bool(outcome.reasons) == bool(expected)


def test_an_interruption_stays_one() -> None:
    """Who ends a run gets status 2, whatever it had found; the reasons still name that."""
    outcome = conclude(2, Results([BAD]))
    assert outcome.status == Status.INTERRUPTED
    assert any("is not 2" in reason for reason in outcome.reasons)


def test_a_run_that_is_cut_short_is_interrupted() -> None:
    """Where pytest takes for a success what left properties out, it is none."""
    assert conclude(0, Results([GOOD], planned=1)).status == Status.VERIFIED
    assert conclude(0, Results([GOOD], planned=2)).status == Status.INTERRUPTED
    assert conclude(0, Results([BAD], planned=2)).status == Status.INTERRUPTED


@pytest.mark.parametrize(("results", "expected"), [(Results([BAD]), 1), (Results([GOOD]), 2)])
def test_stopping_at_a_failure_is_no_interruption(results: Results, expected: int) -> None:
    """`-x` under xdist, which pytest calls an interruption, ends as the violation that it met."""
    assert conclude(2, results, stopped=True).status == expected


@pytest.mark.parametrize(("strict", "expected"), [(False, 0), (True, 1)])
def test_fixed_defects_fail_a_strict_run(strict: bool, expected: int) -> None:
    """A known defect that is gone is told; under `--conv2d-strict-known` it fails the run."""
    outcome = conclude(0, Results([GOOD]), strict=strict)
    assert outcome.status == expected
    assert outcome.reasons == ["known defect b is FIXED: take it off the list"] * strict


@pytest.mark.parametrize("status", [3, 4])
def test_pytests_own_errors_stay(status: int) -> None:
    """A broken or misused pytest is not made a verdict."""
    assert conclude(status, Results([GOOD])).status == status


@pytest.mark.parametrize(("results", "expected"), [(Results([GOOD]), 3), (Results([BAD]), 1)])
def test_a_report_that_cannot_be_written_is_an_error(results: Results, expected: int) -> None:
    """A green run without its report is not green; a violation stays one."""
    outcome = unreported(conclude(0, results), OSError("disk full"))
    assert outcome.status == expected
    assert "disk full" in outcome.reasons[-1]


def test_the_gate_is_known_by_name() -> None:
    """The names that tell a whole gate from a part of it are those of the properties."""
    assert properties_of_the_gate() == {*gate(), "test_known_defects_are_as_recorded"}


@pytest.fixture(params=["green", "red"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run without and one with a violation."""
    if request.param == "green":
        return green_run(tmp_path_factory)
    return red_run(tmp_path_factory)


def test_reports_follow_their_schema(run: Run) -> None:
    """report.json validates, names exit status and verdict, and says that the run was partial."""
    report = run.report
    jsonschema.validate(report, SCHEMA)
    assert (report["exit_status"], report["verdict"]) == (
        (0, "verified") if report["ok"] else (1, "violations")
    )
    assert run.status == report["exit_status"]
    assert "were not asked for" in report["partial"][0]
    assert f"{report['verdict']} (exit status {run.status})" in run.output


@pytest.mark.parametrize("missing", ["verdict", "items"])
def test_the_schema_refuses(run: Run, missing: str) -> None:
    """The schema is not one that anything satisfies."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    report: dict[str, Any] = dict(run.report)
    del report[missing]
    errors = {
        error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(report)
    }
    assert f"'{missing}' is a required property" in errors


def test_nothing_verified_is_never_green(tmp_path: Path) -> None:
    """A run whose every property is skipped ends with 5 and says so."""
    only = ("--conv2d-impl", "F.conv2d", "-k", "initial_parameters")
    run = run_pytest(tmp_path, property_of("test_initial.py"), *only)
    assert run.status == 5, run.output
    assert "no property saw a case: nothing was verified" in run.report["reasons"]
