"""The gate draws the same inputs wherever it runs: the digests in report.json say so."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.plugin_targets import POINTWISE, ROOT, UNBATCHED, Run, property_of, run_pytest

SELECTED = (POINTWISE, UNBATCHED)
NAMES = {name.partition("::")[2] for name in SELECTED}
STOCK = ("--conv2d-impl", "F.conv2d")


@cache
def checkout() -> dict[str, str]:
    """Return the digests of a run of the checkout in one process."""
    with TemporaryDirectory() as directory:
        return _digests(_run(Path(directory)))


def _run(directory: Path, *arguments: str) -> Run:
    return run_pytest(directory, *map(property_of, SELECTED), *STOCK, *arguments)


def _digests(run: Run) -> dict[str, str]:
    assert run.status == 0, run.output
    assert set(run.digests) == NAMES
    assert all(item["cases"] >= 50 for item in run.report["items"])
    return run.digests


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_draw_the_same_inputs(workers: int, tmp_path: Path) -> None:
    """One process, -n 1 and -n 2 check the same calls."""
    assert _digests(_run(tmp_path, "-n", str(workers))) == checkout()


def test_installed_packages_draw_the_same_inputs(tmp_path: Path) -> None:
    """As in an installation: the packages elsewhere, --pyargs, another rootdir, no conftest."""
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for package in ("reference", "properties"):
        shutil.copytree(ROOT / package, site / package)
    names = [f"properties.{name.replace('.py', '')}" for name in SELECTED]
    run = run_pytest(
        tmp_path,
        *("--pyargs", *names, "-p", "properties.plugin", "--import-mode=importlib", *STOCK),
        cwd=elsewhere,
        PYTHONPATH=str(site),
    )
    assert _digests(run) == checkout()
    assert f"rootdir: {ROOT}\n" not in run.output
    assert all(str(ROOT) not in item["nodeid"] for item in run.report["items"])


def test_digests_tell_inputs_apart(tmp_path: Path) -> None:
    """A digest can differ: two properties have two, and so has one property of another domain."""
    assert len(set(checkout().values())) == len(NAMES)
    narrow = _run(tmp_path, "--conv2d-only", "bias=no")
    assert narrow.status == 0, narrow.output
    assert not set(narrow.digests.values()) & set(checkout().values())
