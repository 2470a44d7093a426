"""Invalid calls: all that is drawn is invalid, torch refuses as recorded, misdeeds are found."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st

import reference
from properties import replay
from properties import violations as v
from properties.attempts import attempt
from properties.case import GRADIENTS, Case, Tensor
from properties.domain import Domain, activated, active
from properties.dtypes import DTYPES
from properties.edits import chosen, edits
from properties.execution import Executor
from properties.implementation import Implementation, inherent
from properties.invalid import CONSTRUCTOR, Edit, Invalid, calls_of, check_of, names_of
from properties.layouts import refusal
from properties.pins import plainest
from properties.refusal import REFUSALS, encode_invalid, refuse
from properties.replay import recheck
from properties.repro import script
from properties.runner import Runner
from properties.stock_refusals import UNREFUSED
from properties.strategies import cases
from properties.subject import Subject
from properties.test_errors import CALLS, EDITED, NUMBERS
from properties.values import Recipe
from reference import Conv2dParams
from tests.killing import Recycling
from tests.test_replay_and_script import problems, run
from tests.test_strategies import sample

FORMS = ("function", "module")
STOCK = {"function": "torch.nn.functional:conv2d", "module": "torch.nn:Conv2d"}
INTEGERS = Recipe("integers", 1)
CASE = Case(
    Tensor((2, 4, 6, 5), INTEGERS),
    Tensor((4, 2, 3, 3), INTEGERS),
    Tensor((4,), INTEGERS),
    Conv2dParams(stride=(2, 1), padding=(1, 0), groups=2),
    "float64",  # which torch computes itself, however many threads there are
)
MODE = CASE.replace(padding_mode="reflect")
SAME = CASE.replace(stride=(1, 1), padding="same")

# What stock torch 2.13 does with the edits of each name, as a function and as a module: it raises
# RuntimeError, ValueError or TypeError, or answers, which is a known defect. "-": no such edit.
CONTRACT = (
    ("stride with padding same", "R", "V"),
    ("bias is no tensor", "T", "-"),
    ("bias on meta", "a", "a"),
    ("channels of input", "R", "R"),
    ("channels of weight", "R", "R"),
    ("dilation beyond 64 bits", "T", "T"),
    ("dtype of bias", "R", "R"),
    ("dtype of input", "R", "R"),
    ("dtype of weight", "R", "R"),
    ("empty kernel", "R", "R"),
    ("groups and in_channels", "R", "V"),
    ("groups and out_channels", "R", "RV"),
    ("groups below 1", "R", "V"),
    ("groups beyond 64 bits", "V", "V"),
    ("huge dilation", "R", "R"),
    ("huge groups", "R", "V"),
    ("huge in_channels", "-", "R"),
    ("huge kernel_size", "-", "R"),
    ("huge out_channels", "-", "R"),
    ("huge padding", "R", "R"),
    ("input is no tensor", "T", "T"),
    ("input on meta", "a", "a"),
    ("kernel larger than the input", "R", "R"),
    ("length of bias", "R", "R"),
    ("length of dilation", "R", "R"),
    ("length of padding", "R", "R"),
    ("length of stride", "R", "R"),
    ("negative dilation", "R", "R"),
    ("negative in_channels", "-", "V"),
    ("negative kernel_size", "-", "R"),
    ("negative out_channels", "-", "V"),
    ("negative padding", "R", "R"),
    ("negative stride", "R", "R"),
    ("no columns", "R", "R"),
    ("no out_channels", "R", "R"),
    ("no rows", "R", "R"),
    ("overflowing dilation", "a", "a"),
    ("padding beyond 64 bits", "T", "T"),
    ("padding wider than the input", "-", "R"),
    ("rank of bias", "R", "R"),
    ("rank of input", "R", "R"),
    ("rank of weight", "R", "R"),
    ("stride beyond 64 bits", "T", "T"),
    ("type of dilation", "T", "T"),
    ("type of groups", "T", "TV"),
    ("type of in_channels", "-", "TV"),
    ("type of kernel_size", "-", "T"),
    ("type of out_channels", "-", "TV"),
    ("type of padding", "RT", "TV"),
    ("type of stride", "T", "T"),
    ("unknown padding_mode", "-", "V"),
    ("weight is no tensor", "T", "-"),
    ("weight on meta", "a", "a"),
    ("zero dilation", "R", "R"),
    ("zero stride", "R", "R"),
)  # fmt: skip
LETTERS = {"RuntimeError": "R", "ValueError": "V", "TypeError": "T", "answered": "a"}

# Mutants, an edit that each of them does not refuse as it should, and the kind of that violation.
MISDEEDS = (
    ("stride_zero_is_one", "zero stride", "accepted"),
    ("one_bias_for_all", "length of bias", "accepted"),
    ("padding_looked_up", "type of padding", "refusal"),
    ("scaled_before_it_is_checked", "zero stride", "mutation"),
    ("dead_after_a_refusal", "zero stride", "value"),
    ("segfault_on_huge_padding", "huge padding", "crash"),
    ("UnknownModeIsZeros", "unknown padding_mode", "accepted"),
)
REPLAYED = ("refusal", "value")  # each replay costs a process, and all take the same way
APART = ("crash", "value")  # what this process must not do itself
misdeeds = pytest.mark.parametrize(("place", "name", "kind"), MISDEEDS, ids=lambda value: value)


def expressible(case: Case, edit: Edit) -> bool:
    """Tell whether the oracle, which has neither devices nor modules, can be asked."""
    if edit.kind == "dtype":
        floats = [DTYPES[dtype].kind for dtype in (edit.to, case.dtype)]
        return floats[0] != floats[1]
    return edit.kind != "device" and edit.target not in CONSTRUCTOR


def asked(invalid: Invalid) -> Any:
    """Ask the oracle the invalid call."""
    operands: dict[str, Any] = dict.fromkeys(("input", "weight", "bias"))
    operands |= dict(invalid.case.arrays)
    for name, (tensor, dtype) in invalid.ones.items():
        operands[name] = tensor.expand(DTYPES["float64"]).astype(DTYPES[dtype].exact)
    operands |= invalid.put("value")
    a = {name: value for name, value in invalid.arguments.items() if name not in CONSTRUCTOR}
    return reference.conv2d(**operands, **a)


def outcome(invalid: Invalid, form: str) -> str:
    """Return the name of the exception by which stock torch refuses the call."""
    executor = Executor("cpu")
    executor.is_module = form == "module"
    executor.target = torch.nn.Conv2d if executor.is_module else torch.nn.functional.conv2d
    request, buffers = encode_invalid(invalid)
    reply = attempt(executor, request, [memoryview(data) for data in buffers])
    assert reply["changed"] == []
    return "answered" if "answered" in reply else reply["raised"][0].removeprefix("builtins.")


def outcomes(form: str) -> dict[str, str]:
    """Return what stock torch does with every edit of the three calls, by its name."""
    found: dict[str, set[str]] = {}
    for case in (CASE, MODE, SAME):
        known = set(found)
        for edit in edits(case, form, "cpu") if case is not MODE or form == "module" else ():
            if edit.name not in known:
                letter = LETTERS[outcome(Invalid(case, (edit,)), form)]
                found.setdefault(edit.name, set()).add(letter)
    return {name: "".join(sorted(letters)) for name, letters in found.items()}


def recorded(form: str) -> dict[str, str]:
    """Return what the table says of a form."""
    found = {name: types[FORMS.index(form)] for name, *types in CONTRACT}
    return {name: types for name, types in found.items() if types != "-"}


def claimed(form: str) -> Domain:
    """Return the domain that the draws for a form are made in."""
    return inherent(Domain(), Implementation(STOCK[form]), form)


def named(name: str, form: str, case: Case = CASE) -> list[Invalid]:
    """Return the call with each of the edits of a name."""
    return [Invalid(case, (e,)) for e in edits(case, form, "cpu") if e.name == name]


@pytest.mark.parametrize("form", FORMS)
def test_stock_torch_refuses_as_recorded(form: str) -> None:
    """Every edit ends in the exceptions of the table, each of which is a documented one."""
    assert outcomes(form) == recorded(form)
    assert {name for name, letter in LETTERS.items() if letter != "a"} < set(REFUSALS)


@pytest.mark.parametrize("form", FORMS)
def test_the_oracle_refuses_every_edit(form: str) -> None:
    """What is drawn is invalid by the definition, one edit or a pair: the oracle refuses it."""
    names: set[str] = set()
    with activated(claimed(form)):
        bases, _ = sample(cases(passes=("forward",)), 40)
    for place, case in enumerate(bases):
        calls = [Invalid(case, (edit,)) for edit in edits(case, form, "cpu")]
        calls += [chosen(case, form, "cpu", (place * 89 + i, 0, i * 31))[2] for i in range(20)]
        for call in calls:
            if all(expressible(case, edit) for edit in call.edits):
                with pytest.raises(ValueError, match="`"):
                    asked(call)
                names |= {edit.name for edit in call.edits}
    apart = {e.name for e in edits(CASE, form, "cpu") if e.target in CONSTRUCTOR}
    apart |= {f"{operand} on meta" for operand in GRADIENTS}
    assert names == recorded(form).keys() - apart


@pytest.mark.parametrize("form", FORMS)
def test_every_name_is_drawn(form: str) -> None:
    """In as many draws as three gates make, each kind of edit occurs alone."""
    drawn: set[str] = set()
    strategy: Any = st.tuples(CALLS, NUMBERS)
    with activated(claimed(form)):
        pairs: list[Any] = [pair for base in range(3) for pair in sample(strategy, 300, base)[0]]
    for case, numbers in pairs:
        first, second, _ = chosen(case, form, "cpu", numbers)
        drawn |= {first.edits[0].name, second.edits[0].name}
    assert drawn == recorded(form).keys()


@pytest.mark.parametrize("form", FORMS)
def test_every_name_is_enumerated(form: str) -> None:
    """The plain calls whose edits are all made have an edit of each name between them."""
    with activated(claimed(form)):
        calls = [plainest(active().within(passes=("forward",)), levels) for levels in EDITED]
    assert {e.name for case in calls for e in edits(case, form, "cpu")} == recorded(form).keys()


def test_another_dtype_has_the_layouts_that_it_can_have() -> None:
    """No tensor of integers is a view of negatives, and no real one of conjugates."""
    for dtype, layout in (("float64", "negated"), ("complex64", "conjugated")):
        case = CASE.replace(dtype=dtype, weight=Tensor((4, 2, 3, 3), INTEGERS, layout))
        for edit in edits(case, "function", "cpu"):
            if edit.kind == "dtype" and edit.target == "weight":
                tensor, other = Invalid(case, (edit,)).ones["weight"]
                assert not refusal(tensor.layout, 4, DTYPES[other].kind)
                assert tensor.layout in (layout, "contiguous")


def test_pairs_change_different_things() -> None:
    """Two edits have different targets, and one of them is wrong whatever the other does."""
    for numbers in product((0, 5, 700), (3,), range(0, 900, 7)):
        first, second, pair = chosen(CASE, "module", "cpu", (numbers[0], numbers[1], numbers[2]))
        assert len(first.edits) == len(second.edits) == 1
        assert pair.edits[0] == first.edits[0]
        assert pair.edits[0].target != pair.edits[1].target
        assert pair.edits[0].alone or pair.edits[1].alone


@pytest.mark.parametrize("form", FORMS)
def test_edits_survive_json(form: str) -> None:
    """What a violation writes down reads back to the same calls."""
    calls = [Invalid(CASE, (edit,)) for edit in edits(CASE, form, "cuda:0")]
    check = json.loads(json.dumps(check_of(calls)))
    assert calls_of(CASE, check) == tuple(calls)
    assert names_of(check) == tuple(call.edits[0].name for call in calls)
    assert names_of({"kind": "call"}) == ()


@pytest.mark.parametrize(
    "check",
    [
        {},
        {"calls": [[]]},
        {"calls": [[{}]]},
        {"calls": [[{"name": "", "target": "size", "kind": "value", "to": 1}]]},
        {"calls": [[{"name": "", "target": "stride", "kind": "shape", "to": [1]}]]},
        {"calls": [[{"name": "", "target": "grad_output", "kind": "shape", "to": [1]}]]},
    ],
    ids=str,
)
def test_other_data_are_no_invalid_calls(check: dict[str, Any]) -> None:
    """A file of another version is told from a defect that is gone."""
    with pytest.raises(ValueError, match=r"not|empty|no "):
        calls_of(CASE, check)


def test_mixed_devices_are_those_that_are_there() -> None:
    """Beside a CPU operand there can be one on meta; beside one on CUDA also one on the CPU."""
    for device, others in (("cpu", {"meta"}), ("cuda:1", {"meta", "cpu"})):
        found = {e.to for e in edits(CASE, "function", device) if e.kind == "device"}
        assert found == others


def refused(place: str, calls: list[Invalid], spares: Recycling) -> v.Violation | None:
    """Return the violation that a mutant is, or None."""
    target = Implementation(f"tests.mutants.errors:{place}" if ":" not in place else place)
    runner = Runner(target, spares)
    try:
        recheck(Subject(target.on(runner.start()), runner, Domain()), CASE, check_of(calls))
    except v.Violation as violation:
        return violation
    finally:
        runner.close()
    return None


@misdeeds
def test_each_misdeed_has_its_kind(
    place: str, name: str, kind: str, spares: Recycling, tmp_path: Path
) -> None:
    """It is found and scripted, and replayed as FAILED; stock torch is as defined, and FIXED."""
    form = "module" if place[0].isupper() else "function"
    found = [refused(place, [call], spares) for call in named(name, form)]
    violation = next(violation for violation in found if violation is not None)
    assert violation.kind == kind
    assert names_of(violation.check) == (name,)
    assert (
        any(line in str(violation) for line in ("invalid by", "after refusing")) or kind == "crash"
    )
    target = f"tests.mutants.errors:{place}"
    text = script(violation, Implementation(target))
    if kind in APART:
        assert run(text, tmp_path)[0] == 1
    else:
        assert problems(text, tmp_path, target) != []
    assert problems(text, tmp_path, STOCK[form]) == []
    if kind not in REPLAYED:
        return
    data = {"implementation": target, "device": "cpu"}
    data |= {"check": violation.check, "case": violation.case.to_json()}  # type: ignore[dict-item]
    path = tmp_path / "case.json"
    path.write_text(json.dumps(data))
    assert replay.replay(path, spares)[0] == replay.FAILED
    path.write_text(json.dumps({**data, "implementation": STOCK[form]}))
    assert replay.replay(path, spares)[0] == replay.FIXED


def test_a_sequence_is_made_again_as_it_was(spares: Recycling) -> None:
    """What shows after several refusals carries all of them; one that is answered only itself."""
    calls = [*named("negative stride", "function"), *named("zero stride", "function")]
    after = refused("dead_after_a_refusal", calls, spares)
    assert after is not None
    assert calls_of(CASE, after.check) == tuple(calls)
    accepted = refused("stride_zero_is_one", calls, spares)
    assert accepted is not None
    assert set(names_of(accepted.check)) == {"zero stride"}
    assert len(calls_of(CASE, accepted.check)) == 1


def test_known_defects_show_in_a_fresh_process(tmp_path: Path) -> None:
    """The scripts, of torch alone, find each call answered that torch should refuse."""
    paths = []
    for defect in [d for d in UNREFUSED if d.edits and d.affected.get("device_name") != "NVIDIA"]:
        form = "module" if "padding_mode" in defect.region else "function"
        case = Case.from_json(defect.case)
        check = defect.checks(case, form, "cpu")[0]
        violation = v.AcceptedViolation("it is answered", case, check=check)
        paths.append(tmp_path / f"{defect.id}.py")
        paths[-1].write_text(script(violation, Implementation(STOCK[form])))
    each = "import runpy, sys, torch; [print(*runpy.run_path(path)['problems'](torch), sep=' and ')"
    command = [sys.executable, "-P", "-c", f"{each} for path in sys.argv[1:]]", *map(str, paths)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = done.stdout.splitlines()
    assert len(found) == len(paths) > 1
    assert all("an invalid call was answered" in line for line in found), found


@pytest.mark.parametrize(
    "reply",
    [{}, {"changed": []}, {"changed": 1, "answered": ""}, {"changed": [], "raised": ["E"]}],
    ids=str,
)
def test_nonsense_is_no_refusal(reply: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that lacks what every reply has is a violation of its own."""
    target = Implementation(STOCK["function"])
    runner = Runner(target)
    monkeypatch.setattr(runner, "exchange", lambda *_: (reply, []))
    with pytest.raises(v.ReplyViolation):
        refuse(Subject(target, runner, Domain()), named("zero stride", "function")[0])


def test_refusing_everything_is_found(spares: Recycling) -> None:
    """An implementation that raises always refuses well, and fails on the valid call."""
    found = refused("tests.plugin_targets:raises", named("zero stride", "function"), spares)
    assert isinstance(found, v.ErrorViolation)
