"""The table of features names tests that exist, and leaves no row out."""

from __future__ import annotations

import ast
from pathlib import Path

import properties
from tests.features import FEATURES

ROWS = [*map(str, range(1, 86)), *(f"none {n}" for n in (*range(1, 11), 14))]


def test_every_row_is_there_once() -> None:
    """Rows 1 to 85 and the things that no other suite has, each covered or justified.

    Only what is covered has a limit: for the rest the reason says all.
    """
    assert [feature.row for feature in FEATURES] == ROWS
    assert all(bool(feature.tests) != bool(feature.why_not) for feature in FEATURES)
    assert all(feature.tests for feature in FEATURES if feature.limit)


def test_every_named_test_exists() -> None:
    """A row is covered by tests of this name, in the gate or in the suite's own tests."""
    named = {name for feature in FEATURES for name in feature.tests}
    assert named <= _defined(), named - _defined()


def _defined() -> set[str]:
    folders = (Path(properties.__file__).parent, Path(__file__).parent)
    return {
        node.name
        for folder in folders
        for path in folder.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
