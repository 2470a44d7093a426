"""What an implementation that claims to be its own has torch compute is found, and told."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from properties import replay
from properties.case import Case, Tensor
from properties.domain import Domain
from properties.fallback import is_convolution
from properties.finish import case_data
from properties.implementation import Implementation
from properties.replay import recheck
from properties.repro import script
from properties.runner import Runner
from properties.subject import Subject
from properties.values import Recipe
from properties.violations import FallbackViolation, Violation
from reference import Conv2dParams
from tests.killing import Recycling, gate, killed_by, subject_of
from tests.plugin_targets import POINTWISE, property_of, run_pytest

CASE = Case(
    Tensor((2, 2, 5, 4), Recipe("integers", 1)),
    Tensor((4, 1, 3, 2), Recipe("integers", 2)),
    Tensor((4,), Recipe("integers", 3)),
    Conv2dParams(stride=(2, 1), padding=(1, 0), groups=2),
)
DENSE = CASE.replace(weight=Tensor((4, 2, 3, 2), Recipe("integers", 2)), params=Conv2dParams())
BACK = CASE.replace(
    gradients=("input", "weight", "bias"),
    grad_output=Tensor(CASE.output_shape, Recipe("signs", 4)),
)
BIG = CASE.replace(input=Tensor((40, 2, 5, 4), Recipe("integers", 1)))
DILATED = CASE.replace(params=Conv2dParams(padding=(1, 0), dilation=(1, 2), groups=2))
FALL_BACK = ("when_large", "when_it_fails")  # for some shapes only
FORWARD, BACKWARD = "aten::convolution", "aten::convolution_backward"


def named(name: str, own: bool = True) -> Implementation:
    """Return one of the implementations here, as its author would claim it to be."""
    return Implementation(f"tests.hostile.fallbacks:{name}", own=own)


def found(target: Implementation, case: Case, spares: Recycling) -> Violation | None:
    """Return what the judge finds in one call."""
    runner = Runner(target, spares)
    try:
        Subject(target, runner, Domain()).check(case)
    except Violation as violation:
        return violation
    finally:
        runner.close()
    return None


@pytest.mark.parametrize(
    ("name", "case", "ran"),
    [
        ("always", CASE, FORWARD),
        ("always", BACK, f"{FORWARD}, {BACKWARD}"),
        ("always", CASE.replace(mode="inference_mode"), "aten::conv2d"),
        ("always", CASE.replace(mode="compile"), FORWARD),
        ("always", DENSE.replace(mode="vmap-weight"), FORWARD),
        ("when_large", BIG, FORWARD),
        ("when_it_fails", DILATED, FORWARD),
        ("backwards", BACK, BACKWARD),
        ("compiled", CASE, FORWARD),
        ("scripted", DENSE, "aten::_convolution"),
        ("vmapped", CASE, FORWARD),
        ("by_name", DENSE, "aten::_slow_conv2d_forward"),
    ],
)
def test_what_torch_computes_is_a_fallback(
    name: str, case: Case, ran: str, spares: Recycling
) -> None:
    """However torch's convolution is come to, its operator is named; unless `own`, nothing is."""
    violation = found(named(name), case, spares)
    assert isinstance(violation, FallbackViolation), violation
    assert violation.title == f"an implementation of its own ran {ran}"
    assert found(named(name, own=False), case, spares) is None


@pytest.mark.parametrize("case", [CASE, BACK, BIG, DILATED, CASE.replace(mode="compile")])
def test_its_own_kernel_is_none(case: Case, spares: Recycling) -> None:
    """A kernel that computes by itself passes, as it does where nobody watches."""
    assert found(named("honest"), case, spares) is None
    assert found(named("honest", own=False), case, spares) is None


def test_to_ask_for_a_shape_is_none(spares: Recycling) -> None:
    """A convolution without data computes nothing."""
    assert found(named("asks_for_the_shape"), CASE, spares) is None


def test_a_thread_of_its_own_is_not_seen(spares: Recycling) -> None:
    """The limit that `properties.fallback` tells: a test of what is documented, not of a virtue."""
    assert found(named("in_a_thread"), CASE, spares) is None


def test_the_rule_names_every_convolution_of_this_build() -> None:
    """Each backend's operators and gradients count; conversions, windows and others' do not."""
    import torch

    every = torch._C._dispatch_get_all_op_names()
    odd = {name for name in every if "conv" in name and not is_convolution(name)}
    assert {name for name in odd if not name.partition("::")[0].startswith("test")} == {
        name for name in every if "convert" in name
    }
    for backend in ("cudnn", "miopen", "mkldnn"):
        assert is_convolution(f"aten::{backend}_convolution.out")
    assert is_convolution("aten::_conv_depthwise2d")
    assert is_convolution("mkldnn::_convolution_pointwise.binary")
    assert not is_convolution("mylib::conv2d")
    assert not is_convolution("aten::im2col")


@pytest.mark.parametrize("name", [*FALL_BACK, "honest"])
def test_the_gate_finds_what_falls_back_somewhere(name: str, spares: Recycling) -> None:
    """A fallback for some shapes only is met by the gate's own calls; an honest kernel passes."""
    only = Domain.parse(["dtype=float32 passes=forward mode=eager"])
    subject = subject_of(named(name).target, spares, only, own=True)
    violation = killed_by(subject, gate()["test_value_lies_in_its_enclosure"])
    subject.runner.close()
    assert (violation and violation.kind) == (None if name == "honest" else "fallback")


def test_a_fallback_can_be_replayed_and_reproduced(spares: Recycling, tmp_path: Path) -> None:
    """Its case is FAILED again, FIXED by a kernel of its own or by torch; so says its script."""
    import torch

    target = named("when_it_fails")
    violation = found(target, DILATED, spares)
    assert violation is not None
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case_data(violation, target, {}, "a property")))
    (failed,) = replay.replay_all(path, spares=spares).values()
    assert failed.text.startswith(f"FAILED {path}\nFallbackViolation: ")
    for right in (named("honest").target, "F.conv2d"):
        (fixed,) = replay.replay_all(path, right, spares=spares).values()
        assert fixed.status == replay.FIXED, fixed.text
    (tmp_path / "repro.py").write_text(script(violation, target))
    problems = runpy.run_path(str(tmp_path / "repro.py"))["problems"]
    assert list(problems(torch)) == [f"the call ran torch's own {FORWARD}"]
    problems.__globals__["TARGET"] = named("honest").target
    assert list(problems(torch)) == []


def test_the_script_of_a_large_call_tells_it_too(spares: Recycling, tmp_path: Path) -> None:
    """A large call has a template of its own, which watches as well."""
    import torch

    target, case = named("always"), DENSE.replace(bias=None)
    runner = Runner(target, spares)
    with pytest.raises(FallbackViolation) as caught:
        recheck(Subject(target, runner, Domain()), case, {"kind": "large"})
    runner.close()
    (tmp_path / "repro.py").write_text(script(caught.value, target))
    problems = runpy.run_path(str(tmp_path / "repro.py"))["problems"]
    assert "picked" in problems.__globals__  # it is that template
    assert f"the call ran torch's own {FORWARD}" in list(problems(torch))


def test_torch_cannot_be_its_own(tmp_path: Path) -> None:
    """`--conv2d-own` without an implementation other than torch's is a usage error."""
    run = run_pytest(tmp_path, property_of(POINTWISE), "--conv2d-own")
    assert run.status == 4, run.output
    assert "--conv2d-own is for implementations other than torch's" in run.output
