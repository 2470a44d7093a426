"""A backend's own list of known defects: read, refused, and at work in a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from properties.case import Case, Tensor
from properties.known_file import load
from properties.values import Recipe
from tests.plugin_targets import POINTWISE, Run, property_of, run_pytest

ONES = Recipe("ones")
CASE = Case(Tensor((1, 1, 2, 2), ONES), Tensor((1, 1, 1, 1), ONES))
GOOD = """
[[defect]]
id = "off-by-one"
summary = "every result is one too large"
kind = "value"
shows_as = ["relation"]
case = "cases/one.json"
region = { dtype = ["float32"] }
"""
WRONG = ("--conv2d-impl", "tests.plugin_targets:adds_one")


def write(folder: Path, text: str = GOOD) -> Path:
    """Write a list and the case that its entries name."""
    (folder / "cases").mkdir(exist_ok=True)
    (folder / "cases" / "one.json").write_text(json.dumps({"case": CASE.to_json()}))
    path = folder / "known.toml"
    path.write_text(text)
    return path


def test_a_list_is_read(tmp_path: Path) -> None:
    """An entry has its fields; its case is found beside the file, and lies in its region."""
    (defect,) = load(write(tmp_path))
    assert (defect.id, defect.kind, defect.shows_as) == ("off-by-one", "value", ("relation",))
    assert defect.affects({"torch": "9.9"})
    assert defect.explains([CASE], "value")
    assert not defect.explains([CASE], "crash")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "value"', 'kind = "ugly"', "`kind`='ugly' is not one of "),
        ('dtype = ["float32"]', 'colour = ["red"]', "`region` names 'colour', not one of dtype, "),
        ('dtype = ["float32"]', 'dtype = ["float16"]', "its case lies outside its region: dtype="),
        ("one.json", "two.json", "FileNotFoundError"),
        ("summary", "sumary", "KeyError 'summary'"),
        ("[[defect]]", "[[defect]]\nseverity = 3", "`severity` is not a field"),
        ("[[defect]]", "[[defects]]", "not a list of known defects"),
        ("[[defect]]", GOOD + "[[defect]]", "two defects have one `id`"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """What is wrong with a list is said, with the entry's name."""
    with pytest.raises(ValueError, match=r"known\.toml") as refused:
        load(write(tmp_path, GOOD.replace(old, new)))
    assert said in str(refused.value)


def run_with(folder: Path, *arguments: Any) -> Run:
    """Run one property of a wrong kernel, and the list itself, with the list."""
    names = (property_of(POINTWISE), property_of("test_known_defects.py"))
    return run_pytest(folder, *names, "--conv2d-known", str(write(folder)), *arguments)


def test_a_known_defect_fails_no_run(tmp_path: Path) -> None:
    """Its violations are counted and told, and the run is green."""
    run = run_with(tmp_path, *WRONG)
    assert run.status == 0, run.output
    assert "known defect off-by-one is there: " in run.output
    assert "known defect off-by-one: met in " in run.output
    assert {"off-by-one": "there"} in [item["defects"] for item in run.report["items"]]


def test_a_fixed_defect_fails_a_strict_run(tmp_path: Path) -> None:
    """An entry that no longer holds is told as FIXED, and fails under `--conv2d-strict-known`."""
    run = run_with(
        tmp_path, "--conv2d-impl", "tests.plugin_targets:agrees", "--conv2d-strict-known"
    )
    assert run.status == 1, run.output
    assert "known defect off-by-one is FIXED: take it off the list" in run.report["reasons"]
