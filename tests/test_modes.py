"""Modes: each is carried out as its name says, by the worker and by the script, and undone."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from properties import violations as v
from properties.case import Case, Tensor
from properties.domain import FACTORS, Domain, OutOfDomain, activated
from properties.execution import Executor
from properties.feasibility import feasible, left_by_mode
from properties.implementation import Implementation, inherent
from properties.operands import Place
from properties.replay import FAILED, recheck, replay
from properties.replay import FIXED as GONE
from properties.repro import script
from properties.requests import encode
from properties.rows import builtin
from properties.rules import OF_LAYERS
from properties.script_modes import SNIPPETS
from properties.strategies import cases
from properties.values import Recipe
from reference import Arithmetic
from tests import mode_targets
from tests.killing import Recycling, subject_of
from tests.mutants import MUTANTS
from tests.test_replay_and_script import _case_json
from tests.test_strategies import sample

MODES = FACTORS["mode"]
HERE = tuple(mode for mode in MODES if not feasible({"mode": mode, "device": "cpu"}))
Calls = list[dict[str, Any]]
INTS = Recipe("integers")
FORWARD = Case(
    Tensor((2, 2, 5, 4), INTS, "channels_last"),
    Tensor((3, 2, 3, 2), INTS, "channels_last"),
    Tensor((3,), INTS),
).replace(stride=2)
BACKWARD = FORWARD.replace(
    gradients=("input", "weight", "bias"), grad_output=Tensor(FORWARD.output_shape, INTS)
)
PER_SAMPLE = BACKWARD.replace(gradients=("weight", "bias"), derivative="per-sample")

# What the implementation sees of a mode, in its calls forward and in those backward.
SEEN: dict[str, Callable[[Calls, Calls], bool]] = {
    "eager": lambda f, b: len(f) == len(b) == 1 and f[0]["grad"] and not f[0]["autocast"],
    "no_grad": lambda f, b: not f[0]["grad"] and not f[0]["inference"] and f[0]["learns"],
    "inference_mode": lambda f, b: f[0]["inference"] and f[0]["learns"],
    "backward": lambda f, b: b[0]["leaf"].grad is not None,
    "sum-backward": lambda f, b: b[0]["strides"] == {0} and b[0]["leaf"].grad is not None,
    "retain-graph": lambda f, b: len(f) == 1 and len(b) == 2,
    "checkpoint": lambda f, b: len(mode_targets.ENTERED) % 2 == 0 and len(f) == 1,
    "int-arguments": lambda f, b: f[0]["stride"] == 2,
    "threads": lambda f, b: f[0]["threads"] == b[0]["threads"] == 4,
    "deterministic": lambda f, b: f[0]["deterministic"],
    "onednn-off": lambda f, b: not f[0]["onednn"] and not b[0]["onednn"],
    "autocast": lambda f, b: f[0]["autocast"] and f[0]["input"] == torch.float32,
    "vmap-input": lambda f, b: f[0]["vmap"] == (True, False, False),
    "vmap-weight": lambda f, b: f[0]["vmap"] == (False, True, True),
    "vmap-bias": lambda f, b: f[0]["vmap"] == (False, False, True),
    "vmap-all": lambda f, b: f[0]["vmap"] == (True, True, True),
    "compile": lambda f, b: f[0]["compiling"],
    "functional_call": lambda f, b: not f[0]["own"],
    "eval": lambda f, b: not f[0]["training"],
    "state_dict": lambda f, b: len(f) == 2 and f[1]["history"][1:] == ["loaded"],
    "deepcopy": lambda f, b: len(f) == 2 and f[1]["history"][1:] == ["restored"],
    "pickle": lambda f, b: len(f) == 2 and f[1]["history"][1:] == ["restored"],
    "to-dtype": lambda f, b: f[-1]["history"] == ["built in torch.float64", "moved"],
    "to-device": lambda f, b: f[-1]["history"][-1] == "moved",
    "to-memory_format": lambda f, b: f[0]["strides"] == FORWARD.weight.strides,
}


@pytest.fixture(autouse=True)
def _as_in_a_worker() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    mode_targets.forget()
    yield
    torch.set_num_threads(threads)


def case_of(mode: str) -> Case:
    """Return a call in this mode, with gradients where there may be any."""
    plain = FORWARD if feasible({"mode": mode, "passes": "input"}) else BACKWARD
    return plain.replace(dtype="bfloat16" if mode == "autocast" else "float32").in_mode(mode)


def target_of(mode: str) -> Any:
    """Return what is called in this mode."""
    if mode == "lazy":
        return torch.nn.Conv2d
    return mode_targets.Conv2d if mode in OF_LAYERS else mode_targets.conv2d


def carried_out(case: Case, target: Any) -> dict[str, torch.Tensor]:
    """Return what the worker's half returns of a case, in this process."""
    executor = Executor("cpu")
    executor.target, executor.is_module = target, isinstance(target, type)
    tensors = {
        name: torch.from_numpy(array.copy())
        .to(getattr(torch, case.dtype))
        .as_strided_(*(case.tensors[name].shape, case.tensors[name].strides))
        .copy_(torch.from_numpy(array.copy()))
        for name, array in case.arrays.items()
    }
    return executor.call(encode(case)[0], Place({}, tensors))


def flags() -> list[Any]:
    """Return the state of torch that a mode may change."""
    return [
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch._C._get_mkldnn_enabled(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
    ]


WATCHED = tuple(mode for mode in HERE if mode not in ("lazy", "compile-inductor"))


@pytest.mark.parametrize("mode", WATCHED)
def test_the_worker_carries_a_mode_out_and_undoes_it(mode: str) -> None:
    """The implementation sees the mode; results are the plain call's; torch is as it was."""
    before = flags()
    case = case_of(mode)
    found = carried_out(case, target_of(mode))
    assert SEEN[mode](mode_targets.FORWARD, mode_targets.BACKWARD)
    assert flags() == before
    target = mode_targets.Conv2d if mode in OF_LAYERS else mode_targets.conv2d
    plain = carried_out(case.replace(mode="eager"), target)
    assert list(found) == list(plain)
    assert all(torch.equal(found[name], plain[name]) for name in plain)


@pytest.mark.parametrize("mode", [*WATCHED, "lazy"])
def test_the_script_makes_the_call_in_its_mode(mode: str, tmp_path: Path) -> None:
    """So does the standalone script, which finds torch's own convolution as defined."""
    name = target_of(mode)
    target = "torch.nn:Conv2d" if mode == "lazy" else f"tests.mode_targets:{name.__name__}"
    case = case_of(mode)
    listed = problems(script(v.ValueViolation("wrong", case), Implementation(target)), tmp_path)
    assert list(listed(torch)) == []
    if mode != "lazy":
        one, two = (len(c) // 3 for c in (mode_targets.FORWARD, mode_targets.BACKWARD))
        assert SEEN[mode](mode_targets.FORWARD[:one], mode_targets.BACKWARD[:two])


@pytest.mark.parametrize("mode", ["vmap-input", "vmap-weight", "vmap-bias", "vmap-all"])
@pytest.mark.parametrize("name", ["Conv2d", "conv2d"])
def test_layers_and_groups_are_mapped(mode: str, name: str, tmp_path: Path) -> None:
    """A layer by `functional_call`, groups by a second equal weight: gradients and all."""
    case = BACKWARD.replace(weight=Tensor((4, 1, 3, 2), INTS), bias=Tensor((4,), INTS), groups=2)
    case = case.replace(grad_output=Tensor(case.output_shape, INTS))
    target, found = getattr(mode_targets, name), {}
    for way in (mode, "eager"):
        found[way] = carried_out(case.in_mode(way), target)
    assert all(torch.equal(found[mode][key], value) for key, value in found["eager"].items())
    assert SEEN[mode](mode_targets.FORWARD, [])
    implementation = Implementation(f"tests.mode_targets:{name}")
    text = script(v.ValueViolation("wrong", case.in_mode(mode)), implementation)
    assert list(problems(text, tmp_path)(torch)) == []


def problems(text: str, directory: Path) -> Any:
    """Return the function of a script that lists what is wrong."""
    path = directory / "inside.py"
    path.write_text(text)
    return runpy.run_path(str(path))["problems"]


def test_every_mode_has_a_snippet_and_a_sign() -> None:
    """No mode is left to the plain call by oversight, in the script or in the tests above."""
    assert set(SNIPPETS) == set(MODES)
    assert set(SEEN) == set(WATCHED)


BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("BoundToTheOriginal", case_of("deepcopy").forward()),
        ("per_sample_gradient_averaged", PER_SAMPLE),
    ],
)
def test_replay_and_script_tell_failed_and_fixed(
    name: str, case: Case, spares: Recycling, tmp_path: Path
) -> None:
    """What is wrong in its mode only is FAILED and exits 1; torch's own is FIXED and exits 0."""
    target = BY_NAME[name].target
    subject = subject_of(target, spares)
    with pytest.raises(v.ValueViolation) as caught:
        recheck(subject, case, {"kind": "call"})
    subject.runner.close()
    stock = "torch.nn:Conv2d" if name[0].isupper() else "torch.nn.functional:conv2d"
    text = script(caught.value, Implementation(target))
    listed = problems(text, tmp_path)
    assert list(listed(torch)) != []
    listed.__globals__["TARGET"] = stock
    assert list(listed(torch)) == []
    path = tmp_path / "case.json"
    for who, status in ((target, FAILED), (stock, GONE)):
        assert replay(_case_json(path, who, case=case.to_json()), spares)[0] == status


def test_a_case_keeps_its_mode() -> None:
    """JSON and summary name a mode other than the plain one; the key tells them apart."""
    case = BACKWARD.in_mode("threads")
    assert Case.from_json(case.to_json()).to_json() == case.to_json()
    assert case.to_json()["mode"] == "threads"
    assert case.summary().endswith(", mode threads")
    assert "mode" not in BACKWARD.to_json()
    assert case.key != BACKWARD.key
    assert case.forward().mode == "threads"
    assert BACKWARD.in_mode("backward").forward().mode == "eager"


@pytest.mark.parametrize(
    ("case", "changes", "why"),
    [
        (FORWARD, {"mode": "fast"}, "`mode`='fast' is not one of eager, no_grad"),
        (FORWARD, {"mode": "backward"}, "a way to ask for gradients needs some"),
        (BACKWARD, {"mode": "no_grad"}, "nothing is recorded for a gradient"),
        (BACKWARD, {"mode": "sum-backward"}, "`grad_output` of a sum is all ones"),
        (PER_SAMPLE, {"mode": "threads"}, "other derivatives are taken in the plain mode"),
        (PER_SAMPLE, {"dtype": "complex64"}, "torch.func.grad is of real functions"),
    ],
)
def test_a_case_refuses_what_no_call_can_be(case: Case, changes: dict[str, Any], why: str) -> None:
    """A mode that is none, or that breaks a rule: ValueError with the rule's name."""
    with pytest.raises(ValueError, match=why):
        case.replace(**changes)


def test_every_mode_is_drawn_where_it_is_asked_for() -> None:
    """All modes occur; those that cost much are rare; nothing else is drawn by default."""
    found, _ = sample(cases(mode=MODES), 2000)
    modes = [case.mode for case in found]
    assert set(modes) == set(MODES)
    assert 0 < modes.count("compile") < 0.03 * len(modes)
    assert {case.mode for case in sample(cases(), 100)[0]} == {"eager"}


def test_what_is_fixed_narrows_the_modes() -> None:
    """A function on the CPU is offered no mode of layers, none of CUDA; its domain keeps order."""
    own = inherent(Domain(), Implementation("kernels:conv2d"), "function").options("mode")
    assert not set(own) & {*OF_LAYERS, "stream", "benchmark", "onednn-off", "compile-inductor"}
    layer = inherent(Domain(), Implementation("nn.Conv2d", "cuda:0"), "module").options("mode")
    assert {"stream", "benchmark", "lazy"} < set(layer)
    assert not set(layer) & {"onednn-off", "threads"}
    asked = inherent(Domain.parse(["mode=lazy|no_grad"]), Implementation("F.conv2d"), "function")
    assert asked.options("mode") == ("no_grad",)


def test_a_domain_may_leave_out_a_mode() -> None:
    """mode!=NAME claims all the others; a property that finds no mode left is skipped by name."""
    claimed = Domain.parse(["mode!=compile|vmap-input"]).options("mode")
    assert set(MODES) - set(claimed) == {"compile", "vmap-input"}
    narrow = Domain.parse(["mode=backward passes=forward"])
    assert left_by_mode(narrow) == {}
    with activated(narrow), pytest.raises(OutOfDomain, match="no mode goes with"):
        sample(cases(mode=MODES), 10)


def test_who_does_not_support_a_mode_is_told_how_to_say_so(spares: Recycling) -> None:
    """An exception in a mode is a violation that names the domain without it."""
    subject = subject_of("tests.mode_targets:without_vmap", spares)
    with pytest.raises(v.ErrorViolation) as caught:
        subject.check(FORWARD.in_mode("vmap-input"))
    assert caught.value.facts["not claimed?"] == "--conv2d-only mode!=vmap-input"
    subject.runner.close()


def test_without_onednn_its_rows_are_judged_by() -> None:
    """In the mode onednn-off the rows are those of a build that does not ask oneDNN."""
    facts = {"onednn.enabled": True, "onednn.bfloat16": True, "onednn.float16": False}
    rows, plain = builtin("cpu", facts), builtin("cpu", dict.fromkeys(facts, False))
    for dtype in ("float32", "bfloat16", "float16"):
        for name in ("output", "input", "weight"):
            assert rows.of(dtype, name, "onednn-off") == plain.of(dtype, name)
    assert rows.of("float32", "output") != rows.of("float32", "output", "onednn-off")
    assert rows.of("float32", "output") == rows.of("float32", "output", "threads")


def test_a_bias_under_vmap_is_added_to_rounded_sums() -> None:
    """In half precision the row of the mode vmap-weight stores once more, for the output alone."""
    rows = builtin("cpu", {"onednn.enabled": True, "onednn.bfloat16": True})
    for dtype in ("bfloat16", "float16"):
        row, apart = rows.of(dtype, "output"), rows.of(dtype, "output", "vmap-weight")
        assert isinstance(row, Arithmetic)
        assert apart == replace(row, stores="bias")
        assert rows.of(dtype, "weight", "vmap-weight") == rows.of(dtype, "weight")
