"""The gate draws the same inputs wherever it runs: the digests in report.json say so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.plugin_targets import POINTWISE, ROOT, UNBATCHED, Run, green_run, run_pytest

SELECTED = (POINTWISE, UNBATCHED)
NAMES = {name.partition("::")[2] for name in SELECTED}
NAME = POINTWISE.partition("::")[2]
STOCK = ("--conv2d-impl", "F.conv2d")


@pytest.fixture
def green(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the digests of a run of this checkout in one process."""
    return _digests(green_run(tmp_path_factory))


def _digests(run: Run) -> dict[str, str]:
    assert run.status == 0, run.output
    assert set(run.digests) == NAMES
    assert all(item["cases"] >= 50 for item in run.report["items"])
    return run.digests


def _copy(directory: Path) -> None:
    for package in ("reference", "properties"):
        shutil.copytree(ROOT / package, directory / package)


def test_checkouts_draw_the_same_inputs(green: dict[str, str], tmp_path: Path) -> None:
    """Plain `pytest` here and -n 2 in another checkout, not installed, check the same calls.

    With CI=1 too, where Hypothesis takes another profile by itself.
    """
    _copy(tmp_path)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tests").mkdir()
    run = run_pytest(tmp_path, "-k", " or ".join(NAMES), *STOCK, "-n", "2", cwd=tmp_path, CI="1")
    assert _digests(run) == green
    assert run.report["profile"] == "conv2d-gate"
    assert f"rootdir: {tmp_path}\n" in run.output


def test_installed_packages_draw_the_same_inputs(green: dict[str, str], tmp_path: Path) -> None:
    """As in an installation: packages elsewhere, --pyargs, another rootdir, no conftest, no ini."""
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    _copy(site)
    names = [f"properties.{name.replace('.py', '')}" for name in SELECTED]
    run = run_pytest(
        tmp_path,
        *("--pyargs", *names, "-p", "properties.plugin", "--import-mode=importlib", *STOCK),
        cwd=elsewhere,
        PYTHONPATH=str(site),
    )
    assert _digests(run) == green
    assert f"rootdir: {ROOT}\n" not in run.output


def test_digests_tell_inputs_apart(green: dict[str, str]) -> None:
    """A digest can differ: two properties with different inputs have two."""
    assert len(set(green.values())) == len(NAMES)
