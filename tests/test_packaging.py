"""The wheel holds the two packages and nothing else, and says what it needs."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from email.message import Message
from importlib import import_module
from pathlib import Path

import pytest

from tests.plugin_targets import ROOT, environment

PACKAGES = ("reference", "properties")
DEPENDENCIES = {"torch", "hypothesis", "pytest", "pytest-xdist", "numpy"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Return the wheel, built from this checkout with the tools that are installed."""
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    # Never the network: what building needs is a development dependency of this project.
    built = subprocess.run(
        [*command, "--outdir", str(directory), str(ROOT)],
        env=environment(PIP_NO_INDEX="1", NO_COLOR="1"),
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = f"{built.stdout}\n{built.stderr}"
    assert built.returncode == 0, f"the wheel cannot be built; this needs build, hatchling:\n{said}"
    (path,) = directory.glob("*.whl")
    return zipfile.ZipFile(path)


def _metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_string(wheel.read(name).decode())


def _sources(package: str) -> set[str]:
    """Return the files of a package that belong to a release."""
    found = (path for path in (ROOT / package).rglob("*") if path.is_file())
    kept = (path for path in found if "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in kept}


def test_wheel_holds_exactly_the_two_packages(wheel: zipfile.ZipFile) -> None:
    """Every file of `reference` and `properties` is in the wheel, with its metadata, and no other.

    Another top-level name would be installed over whatever package owns it.
    """
    names = {name for name in wheel.namelist() if not name.endswith("/")}
    tops = {name.partition("/")[0] for name in names}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {*PACKAGES, info}
    inside = {name for name in names if not name.startswith(info)}
    assert inside == _sources("reference") | _sources("properties")


def test_wheel_holds_what_is_not_python(wheel: zipfile.ZipFile) -> None:
    """The marks of typed packages, the templates and the licence are not left behind."""
    names = wheel.namelist()
    for package in PACKAGES:
        assert f"{package}/py.typed" in names
    templates = ("script.py.template", "large.py.template", "page.html.jinja")
    assert {f"properties/{name}" for name in templates} <= set(names)
    assert any(os.path.basename(name) == "LICENSE" for name in names)  # noqa: PTH119


def test_dependencies_are_exactly_those_needed(wheel: zipfile.ZipFile) -> None:
    """An installation pulls torch, hypothesis, pytest, pytest-xdist and numpy, and nothing more."""
    lines = [str(line) for line in _metadata(wheel).get_all("Requires-Dist", [])]
    required = [line for line in lines if "extra ==" not in line]
    assert {line.partition(">=")[0].strip() for line in required} == DEPENDENCIES
    assert len(required) == len(DEPENDENCIES)


def test_metadata_names_the_project(wheel: zipfile.ZipFile) -> None:
    """Name, version and least Python are those of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    metadata = _metadata(wheel)
    assert metadata["Name"] == project["name"] == "conv2d-properties"
    assert metadata["Version"] == project["version"]
    assert metadata["Requires-Python"] == project["requires-python"]


def test_entry_point_has_the_name_of_its_module(wheel: zipfile.ZipFile) -> None:
    """The plugin has its module's name: then `-p` and an installation load it once, not twice."""
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    points = ConfigParser(delimiters=("=",))
    points.read_string(wheel.read(name).decode())
    assert dict(points["pytest11"]) == {"properties.plugin": "properties.plugin"}
    assert hasattr(import_module("properties.plugin"), "pytest_configure")


def test_building_leaves_the_checkout_alone(wheel: zipfile.ZipFile) -> None:
    """The wheel goes where it is asked to go."""
    assert wheel.filename is not None
    assert not Path(wheel.filename).is_relative_to(ROOT)
    assert not list(ROOT.glob("*.egg-info"))
