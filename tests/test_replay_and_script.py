"""What a violation leaves behind: a standalone script and a case.json that can be run again."""

from __future__ import annotations

import ast
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from properties import replay, runner
from properties import violations as v
from properties.case import Case, Tensor
from properties.domain import Domain
from properties.implementation import Implementation
from properties.replay import CANNOT_RUN, FAILED, FIXED, recheck
from properties.repro import WRITTEN_OUT, script
from properties.runner import Runner
from properties.subject import Subject
from properties.values import Recipe
from tests.killing import Recycling
from tests.plugin_targets import (
    CALL,
    CASE,
    CRASH,
    DEFECTS,
    HANG,
    REPEATED,
    ROOT,
    SCALING,
    TRAINED,
    VALUE,
    Defect,
    environment,
)
from tests.recipes import SOME

STOCK = "torch.nn.functional:conv2d"
LIMIT = 60.0

NAMES = [defect.name for defect in DEFECTS]
HARMLESS = [d for d in DEFECTS if d.kind in ("relation", "nondeterminism", "alias", "shape")]


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe a hang sooner than a user's machine would: the calls here take a millisecond."""
    monkeypatch.setitem(runner.HANG_FLOOR, "cpu", 1.0)
    monkeypatch.setattr(runner, "CONFIRM_FACTOR", 1.0)


def found(defect: Defect, spares: Recycling) -> v.Violation:
    """Return the violation that the judge finds in a defect's own call."""
    own = Runner(defect.target, spares)
    with pytest.raises(v.Violation) as caught:
        recheck(Subject(defect.target, own, Domain()), defect.case, defect.check)
    own.close()
    assert caught.value.kind == defect.kind
    return caught.value


def run(text: str, directory: Path, limit: float = LIMIT, target: str = "") -> tuple[int, str]:
    """Run a script where this project is not the working directory; return status and output."""
    lines = [f"TIME_LIMIT = {limit}" if s.startswith("TIME_LIMIT =") else s for s in _lines(text)]
    if target:
        lines = [f"TARGET = {target!r}" if s.startswith("TARGET =") else s for s in lines]
    path = directory / "repro.py"
    path.write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [sys.executable, "-P", str(path)],
        cwd=directory,
        env=environment(PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=150,
    )
    return done.returncode, done.stdout


def _lines(text: str) -> list[str]:
    lines = text.splitlines()
    assert sum(line.startswith(("TARGET =", "TIME_LIMIT =")) for line in lines) == 2
    return lines


def problems(text: str, directory: Path, target: str) -> list[str]:
    """Return what a script finds wrong with a target, in this process."""
    import torch

    path = directory / "inside.py"
    path.write_text(text)
    listed = runpy.run_path(str(path))["problems"]
    listed.__globals__["TARGET"] = target
    return list(listed(torch))


def _plain(case: Case = CASE) -> str:
    return script(v.ValueViolation("y[0] = 1.0 is not 2.0", case), Implementation(STOCK))


@pytest.mark.parametrize("defect", DEFECTS, ids=NAMES)
def test_script_exits_1_while_the_defect_is_there(
    defect: Defect, spares: Recycling, tmp_path: Path
) -> None:
    """The script of a violation of any kind exits 1, and finds torch's own conv2d as defined.

    What does this process no harm is made in it: there is a problem, for which `main` exits 1.
    """
    text = script(found(defect, spares), defect.target)
    if defect in HARMLESS:
        assert problems(text, tmp_path, defect.target.target) != []
    else:
        status, output = run(text, tmp_path, limit=4.0 if defect is HANG else LIMIT)
        assert status == 1, output
    assert problems(text, tmp_path, STOCK) == []


def test_script_exits_0_when_the_defect_is_gone(tmp_path: Path) -> None:
    """The same script with a right implementation exits 0."""
    assert run(_plain(TRAINED), tmp_path) == (0, "as defined\n")


@pytest.mark.parametrize("target", ["no_such_module:conv2d", "tests.plugin_targets:NOT_CALLABLE"])
def test_script_exits_2_without_its_target(target: str, tmp_path: Path) -> None:
    """A target that cannot be had is neither a defect nor its absence."""
    status, output = run(_plain(), tmp_path, target=target)
    assert status == 2, output


def test_script_exits_2_without_torch(tmp_path: Path) -> None:
    """Where torch is missing the script says so."""
    path = tmp_path / "repro.py"
    path.write_text(_plain())
    command = [sys.executable, "-S", "-P", str(path)]
    variables = environment()
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "torch" in done.stdout


def test_script_needs_nothing_of_this_project() -> None:
    """The script imports the standard library and torch, on whatever line."""
    imported = set()
    for node in ast.walk(ast.parse(_plain())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).partition(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"torch"}


def test_script_draws_large_tensors(tmp_path: Path) -> None:
    """Operands too large to write out are hashed into being, and judged at chosen places."""
    large = CASE.replace(input=Tensor((1, 2, 70, 70), Recipe("cancelling", 9, -3)))
    assert int(np.prod(large.input.shape)) > WRITTEN_OUT
    text = _plain(large)
    assert len(text) < 40_000
    assert problems(text, tmp_path, STOCK) == []
    assert problems(text, tmp_path, "tests.plugin_targets:adds_one") != []


@pytest.mark.parametrize(
    ("kind", "exponent"), [(k, e) for k in SOME for e in (0, -60, 40) if k != "words" or not e]
)
def test_script_hashes_as_the_suite_does(kind: str, exponent: int, tmp_path: Path) -> None:
    """The counter hash in the script gives the bits of `properties.values`, always."""
    path = tmp_path / "repro.py"
    path.write_text(_plain())
    hashed = runpy.run_path(str(path))["hashed"]
    for seed in (0, 1, 6, 12345, 2**32 - 1):
        for size in (1, 2, 7, 130):
            values = np.array(hashed(kind, seed, exponent, size))
            expected = Recipe(kind, seed, exponent).expand((size,))
            assert values.tobytes() == expected.tobytes(), (seed, size)


def test_script_says_what_is_wrong(tmp_path: Path) -> None:
    """Its docstring is the violation; it stays one whatever the message holds."""
    awkward = v.ValueViolation('a \\ and """ and $target', CASE)
    docstring = ast.get_docstring(ast.parse(script(awkward, Implementation(STOCK))))
    assert docstring is not None
    assert docstring.startswith("ValueViolation: a \\ and ''' and $target")
    assert CASE.summary() in docstring


def _case_json(path: Path, target: str = STOCK, **changes: Any) -> Path:
    plain = {"implementation": target, "device": "cpu", "check": CALL, "case": CASE.to_json()}
    path.write_text(json.dumps({**plain, **changes}))
    return path


@pytest.mark.parametrize("defect", [VALUE, SCALING, REPEATED, CRASH], ids=lambda d: d.kind)
def test_replay_tells_failed(defect: Defect, spares: Recycling, tmp_path: Path) -> None:
    """Run again, a case whose defect is there is FAILED, with the violation's text."""
    path = _case_json(tmp_path / "case.json", defect.target.target, check=defect.check)
    status, text = replay.replay(path, spares if defect in HARMLESS else None)
    assert status == FAILED == 1
    violation = v.KINDS[defect.kind].__name__
    assert text.startswith(f"FAILED {path}\n{violation}: ")


@pytest.mark.parametrize("check", [CALL, SCALING.check], ids=lambda check: check["kind"])
def test_replay_tells_fixed(check: dict[str, Any], tmp_path: Path) -> None:
    """Run again with a right implementation, the case is FIXED."""
    path = _case_json(tmp_path / "case.json", check=check)
    assert replay.replay(path) == (FIXED, f"FIXED {path}: {CASE.summary()}")
    assert FIXED == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"implementation": "no_such_module:conv2d"},
        {"implementation": "not a target"},
        {"device": "cuda:99"},
        {"case": {}},
        {"check": {"kind": "of another version"}},
        {"check": {"kind": "scale"}},
    ],
    ids=str,
)
def test_replay_tells_what_it_cannot_run(
    changes: dict[str, Any], spares: Recycling, tmp_path: Path
) -> None:
    """An implementation or device that is not here, or another file, is CANNOT RUN HERE."""
    path = _case_json(tmp_path / "case.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    status, text = replay.replay(path, spares)
    assert status == CANNOT_RUN == 5
    assert text.startswith(f"CANNOT RUN HERE {path}: ")


def test_replay_of_no_file(tmp_path: Path) -> None:
    """A file that is missing, empty or a list cannot be run."""
    path = tmp_path / "case.json"
    assert replay.replay(path)[0] == CANNOT_RUN
    for text in ("", "[]", "null"):
        path.write_text(text)
        assert replay.replay(path)[0] == CANNOT_RUN
