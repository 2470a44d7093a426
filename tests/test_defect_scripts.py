"""Each known defect of stock torch has a script that needs torch alone, and tells if it is there.

All scripts together import torch once (`tests.run_defects`), so that they cost little.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from shutil import which
from typing import Any

import pytest

from properties.case import Case
from properties.known import KnownDefect
from properties.replay import recheck
from properties.spares import Spares
from properties.stock import STOCK
from properties.subject import Subject
from tests.defect_scripts import COMPILED, FOLDER, GPU, path_of, script
from tests.killing import subject_of
from tests.plugin_targets import ROOT, environment

CXX = os.environ.get("CXX", "g++")  # as Inductor asks
TARGETS = {"function": "F.conv2d", "module": "nn.Conv2d"}
# Some come from what lies round the convolution, and a right one need not keep a memory format.
AROUND = ("vmap-empty-batch", "per-sample", "torch-no-channels", "nnpack", "inductor", "compile")


def statuses(defects: Iterable[KnownDefect], function: str = "stock") -> dict[str, int]:
    """Return the exit status of scripts by defect, run with a function of `tests.run_defects`."""
    names = {path_of(defect).stem: defect.id for defect in defects}
    done = subprocess.run(
        [sys.executable, "-m", "tests.run_defects", function, *names],
        cwd=ROOT,
        env=environment(OMP_NUM_THREADS="1"),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=240,
    )
    return {names[name]: status for name, status in json.loads(done.stdout).items()}


def test_each_defect_has_its_script() -> None:
    """There is one for each known defect of stock torch, and no other."""
    assert {path_of(defect) for defect in STOCK} == set(FOLDER.glob("*.py"))


@pytest.mark.parametrize("defect", STOCK, ids=lambda defect: defect.id)
def test_the_script_is_that_of_the_record(defect: KnownDefect) -> None:
    """It is what `python -m tests.defect_scripts` writes now, up to the way it is laid out."""
    written = ast.parse(path_of(defect).read_text())
    assert ast.dump(written) == ast.dump(ast.parse(script(defect))), "write them again"


@pytest.fixture(scope="module")
def subjects() -> Iterator[dict[str, Subject]]:
    """Yield a function and a module of stock torch."""
    spares = Spares()
    found = {form: subject_of(name, spares) for form, name in TARGETS.items()}
    yield found
    for subject in found.values():
        subject.runner.close()
    spares.close()


def affected(facts: Mapping[str, Any]) -> set[str]:
    """Return the defects that show on this build, or where a script turns oneDNN off."""
    without = {**facts, **{name: False for name in facts if name.startswith("onednn.")}}
    return {defect.id for defect in STOCK if defect.affects(facts) or defect.affects(without)}


def test_script_and_record_agree(subjects: Mapping[str, Subject]) -> None:
    """A script exits 1 only on a build that the record names, and 2 on no such build.

    Where it exits 0 on one, the suite finds the recorded call right, too. Where the record is of
    builds that do not ask oneDNN the script turns it off itself. What is compiled needs a compiler.
    """
    there = affected(subjects["function"].runner.facts)
    found = statuses(STOCK)
    for defect in STOCK:
        if defect.region.get("mode") == (COMPILED,) and which(CXX) is None:
            assert found[defect.id] == 2, defect.id
            continue
        assert found[defect.id] in ((0, 1) if defect.id in there else (0, 2)), defect.id
        if defect.id in there and found[defect.id] == 0:
            form = "module" if "padding_mode" in defect.region else "function"
            case = Case.from_json(defect.case)
            recheck(subjects[form], case, defect.checks(case, form, "cpu")[0])


def test_scripts_tell_when_the_defect_is_gone(subjects: Mapping[str, Subject]) -> None:
    """With a right convolution in torch's place, or one that refuses, they exit 0.

    Those of another build exit 2, whatever is in torch's place.
    """
    there = affected(subjects["function"].runner.facts)
    here = [d for d in STOCK if d.affected.get("device_name") != GPU]
    cpu = [d for d in here if not d.id.startswith(AROUND)]
    invalid, valid = ([d for d in cpu if bool(d.edits) == is_so] for is_so in (True, False))
    found = statuses(invalid, "refusing") | statuses(valid, "right")
    assert found == {defect.id: 0 if defect.id in there else 2 for defect in cpu}
