"""Implementations from outside go through the public interface as they are, right and faulty.

Each is run on a few calls of its declared domain; the commands in their modules run whole gates.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed

from properties.domain import Domain
from properties.implementation import Implementation
from properties.profiles import DEFAULT, PROFILES
from properties.repro import script
from properties.violations import ValueViolation
from tests.killing import Recycling, gate, killed_by, subject_of
from tests.plugin_targets import (
    CASE,
    POINTWISE,
    ROOT,
    UNBATCHED,
    environment,
    property_of,
    run_pytest,
)

GRADIENTS = "test_gradients_lie_in_their_enclosures"
INVALID = "test_invalid_calls_are_refused"
STRIDE = "test_stride_is_a_subsample_of_stride_1"
VALUE = "test_value_lies_in_its_enclosure"


@dataclass(frozen=True)
class Outside:
    """A function of `tests.outside`, the packages that it needs, how many calls, and its fault."""

    name: str
    fault: str
    needs: Sequence[str] = ()
    examples: int = 20
    properties: Sequence[str] = (VALUE, STRIDE, GRADIENTS, INVALID)
    device: str = "cpu"
    slowest: float = 0.0  # seconds that a call may well take: ten times as long is no hang

    @property
    def domain(self) -> Domain:
        """What its module declares, read and not imported: that is for the worker to do."""
        source = Path(__file__).parent / "outside" / f"{self.name.partition(':')[0]}.py"
        (only,) = (
            node.value
            for node in ast.parse(source.read_text()).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ONLY"
        )
        return Domain.parse(ast.literal_eval(only))


FORWARD = (VALUE, STRIDE, INVALID)
OUTSIDE = (
    Outside("unfold_matmul:conv2d", "faulty:unfold_swaps_strides"),
    Outside("numpy_taps:conv2d", "faulty:numpy_flips"),
    Outside("standin:conv2d", "faulty_standin:adds_one", device="standin:0"),
    # A compiler takes seconds for each shape.
    Outside(
        "compiled:conv2d", "faulty:compiled_negates", examples=1, properties=(VALUE,), slowest=6
    ),
    Outside("onnx_evaluator:conv2d", "faulty:onnx_swaps_strides", ("onnx",), properties=FORWARD),
    Outside(
        "onnx_conv:conv2d",
        "faulty:runtime_swaps_strides",
        ("onnx", "onnxruntime"),
        properties=FORWARD,
    ),
    Outside("jax_lax:conv2d", "faulty:jax_adds_bias_twice", ("jax",), examples=5),
    Outside(
        "triton_kernel:conv2d", "faulty:triton_drops_last_tap", ("triton",), 5, properties=FORWARD
    ),
)


@pytest.fixture(scope="module")
def apart() -> Iterator[Recycling]:
    """Return workers of this module's own: what is imported here changes more than itself."""
    with pytest.MonkeyPatch.context() as patch:
        # Here, because torch.compile imports Triton, which looks once.
        patch.setenv("TRITON_INTERPRET", "1")
        workers = Recycling()
        yield workers
        workers.close()


def _few(test: Any, examples: int) -> Any:
    """Return a property of the gate with fewer examples; the gate's own stays as it is."""
    drawn = given(**test.hypothesis._given_kwargs)(test.hypothesis.inner_test)
    return seed(0)(PROFILES[DEFAULT].settings(examples)(drawn))


def _require(outside: Outside) -> None:
    for package in outside.needs:
        pytest.importorskip(package, reason=f"{outside.name} needs {package}, not installed here")


@pytest.mark.parametrize("outside", OUTSIDE, ids=lambda outside: outside.name)
def test_it_is_verified(outside: Outside, apart: Recycling) -> None:
    """Used unchanged, it violates none of these properties in the domain that it declares."""
    _require(outside)
    subject = subject_of(f"tests.outside.{outside.name}", apart, outside.domain, outside.device)
    subject.runner.slowest = outside.slowest
    for name in outside.properties:
        before = subject.runner.calls
        assert killed_by(subject, _few(gate()[name], outside.examples)) is None
        assert subject.runner.calls > before + outside.examples / 2
    subject.runner.close()


@pytest.mark.parametrize("outside", OUTSIDE, ids=lambda outside: outside.fault)
def test_a_fault_of_a_line_is_found(outside: Outside, apart: Recycling) -> None:
    """The same implementation with one fault is found out, by a wrong shape or value."""
    _require(outside)
    target = f"tests.outside.{outside.fault}"
    subject = subject_of(target, apart, outside.domain, outside.device)
    subject.runner.slowest = outside.slowest
    violation = killed_by(subject, gate()[VALUE])
    subject.runner.close()
    assert violation is not None
    assert violation.kind in ("shape", "value", "relation")


def _standin(directory: Path) -> str:
    """Install the backend of `tests.outside.standin` in a folder; return the path that has it."""
    about = directory / "standin-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: standin\nVersion: 0\n")
    entry = "[torch.backends]\nstandin = tests.outside.standin:autoload\n"
    (about / "entry_points.txt").write_text(entry)
    return f"{directory}{os.pathsep}{ROOT}"


def test_a_backend_that_torch_loads_is_verified(tmp_path: Path) -> None:
    """A device with the entry point `torch.backends` is there like any: `F.conv2d` runs on it."""
    path = _standin(tmp_path)
    stock = ("--conv2d-impl", "F.conv2d", "--conv2d-device", "standin:0", "--conv2d-seconds", "2")
    run = run_pytest(tmp_path, property_of(UNBATCHED), *stock, PYTHONPATH=path)
    assert run.status == 0, run.output
    assert run.report["environment"]["F.conv2d on standin:0"]["device_name"] == "standin:0"


def test_a_backend_comes_with_its_implementation(tmp_path: Path) -> None:
    """A device that the implementation's module registers is there once that is imported.

    So it is in the script of a violation, which tells that a call is wrong (exit status 61).
    """
    names = ("--conv2d-impl", "tests.outside.standin:conv2d", "--conv2d-device", "standin:0")
    run = run_pytest(tmp_path, property_of(POINTWISE), *names, "--conv2d-seconds", "2")
    assert run.status == 0, run.output
    assert [item["target"] for item in run.report["items"]] == [f"{names[1]} on standin:0"]
    path, faulty = tmp_path / "violation.py", "tests.outside.faulty_standin:adds_one"
    text = script(ValueViolation("y[0] is wrong", CASE), Implementation(faulty, "standin:0"))
    path.write_text(text)
    command, variables = [sys.executable, str(path), "--here"], environment(PYTHONPATH=str(ROOT))
    assert subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode == 61
