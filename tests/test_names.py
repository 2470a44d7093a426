"""Another distribution, or a file of the user's, with the names of these packages is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from properties import __main__
from properties.names import imported, require_own_names, shadowed, shared
from tests.plugin_targets import POINTWISE, ROOT, environment, property_of, run_pytest

OWN = str(ROOT / "reference" / "__init__.py")


@pytest.mark.parametrize(
    ("owners", "said"),
    [
        ({}, None),
        ({"properties": ["conv2d-properties"], "reference": ["conv2d-properties"] * 2}, None),
        ({"properties": ["properties"], "reference": ["reference"]}, None),  # ours is a checkout
        ({"properties": ["conv2d-properties", "properties"]}, "uninstall properties, then"),
        ({"reference": ["b", "conv2d-properties", "a"]}, "`reference` belongs to conv2d-"),
    ],
)
def test_a_name_has_one_owner(owners: dict[str, list[str]], said: str | None) -> None:
    """Two distributions that installed one name are told, with the cure; nothing else is."""
    found = shared(owners)
    assert said in found if said else found == ""


def test_the_reference_is_the_one_beside_the_properties() -> None:
    """Whatever else is imported by that name is told, with the distribution that it belongs to."""
    assert shadowed(OWN, {"reference": ["reference"]}) == ""
    assert "finds /a/reference.py, and not" in shadowed("/a/reference.py", {})
    assert "rename it, or put" in shadowed("/a/reference.py", {})
    theirs = shadowed("/s/reference/__init__.py", {"reference": ["reference"]})
    assert "which belongs to reference, and not" in theirs
    assert "uninstall reference, or" in theirs
    assert "finds nothing" in shadowed(None, {})


def test_this_environment_has_no_clash() -> None:
    """Here both names are this project's."""
    assert imported("reference") == OWN
    require_own_names()


def test_a_file_of_the_user_that_shadows_is_named(tmp_path: Path) -> None:
    """A `reference.py` that comes first on the path is found without being run."""
    theirs = tmp_path / "reference.py"
    theirs.write_text("raise SystemExit('this was run')")
    code = f"from properties.names import *; import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code + "require_own_names()"],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr.splitlines()[-1].startswith(f"ValueError: `import reference` finds {theirs}")


def test_the_command_line_refuses_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m properties` ends with 4 as well, whatever is asked of it."""

    def refuse() -> None:
        raise ValueError("`reference` belongs to another")

    monkeypatch.setattr(__main__, "require_own_names", refuse)
    assert __main__.main(["replay", "no.json"]) == 4
    assert capsys.readouterr() == ("", "`reference` belongs to another\n")


def test_a_run_beside_another_owner_is_a_usage_error(tmp_path: Path) -> None:
    """Pytest ends with exit status 4 and the name of the other distribution, before any worker."""
    for name in ("conv2d-properties", "properties"):
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "top_level.txt").write_text("properties\n")
    run = run_pytest(tmp_path, property_of(POINTWISE), PYTHONPATH=str(tmp_path))
    assert run.status == 4, run.output
    assert "`properties` belongs to conv2d-properties and to properties, which may" in run.output
    assert run.report == {}


def test_a_system_without_process_groups_is_refused() -> None:
    """On Windows the sentence says what to do instead."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import os; del os.killpg; import properties.child"],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr.splitlines()[-1].endswith("on Windows, run it in WSL")
