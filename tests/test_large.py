"""Large calls: expanded in the worker, judged at chosen elements, made again from a file."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import find

from properties import finish as finish_module
from properties import violations as v
from properties.case import Case, Tensor
from properties.domain import Domain, OutOfDomain, activated
from properties.dtypes import DTYPES
from properties.expansion import KINDS, expanded, hashed, picked
from properties.expect import enclose
from properties.finish import finish
from properties.implementation import Implementation
from properties.large import Hashed, Large, needed, recheck_large, require_memory
from properties.large_strategies import FORMS, LargeDraft, large_drafts
from properties.replay import FAILED, FIXED, recheck, replay
from properties.rows import builtin
from properties.runner import Runner
from properties.sampling import RANDOM, sample, unflat
from properties.subject import Subject
from properties.values import Recipe
from reference import FLOAT32, Conv2dParams
from tests.killing import Recycling, subject_of
from tests.plugin_targets import ROOT, environment, run_pytest

STOCK = "torch.nn.functional:conv2d"
NAME = "test_large_extents_at_sampled_positions"
CASE = Case(
    Tensor((2, 3, 40, 50), Recipe("integers", 0)),
    Tensor((4, 3, 3, 3), Recipe("signs", 1)),
    Tensor((4,), Recipe("ones", 2, 1)),
    Conv2dParams(padding=1, stride=(1, 2)),
)


def test_torch_hashes_as_numpy_does() -> None:
    """Elements near and far are the same bits in judge, worker and script."""
    index = np.array([0, 1, 2, 1000, 2**31 - 1, 2**31, 2**40, 2**62])
    for kind in KINDS:
        for seed in (0, 77, 2**32 - 1):
            found = hashed(torch, [kind, seed, 3], torch.from_numpy(index)).numpy()
            np.testing.assert_array_equal(found, Recipe(kind, seed, 3).at(index), strict=True)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (300, 3, 20, 7), (1, 1, 1, 70000)])
def test_expanded_tensors_are_those_of_the_case(shape: tuple[int, ...], layout: str) -> None:
    """Piece by piece, in each memory layout, with the strides that were asked for."""
    tensor = Tensor(shape, Recipe("integers", 5), layout)
    spec = {"shape": shape, "strides": tensor.strides, "recipe": ["integers", 5, 0]}
    found = expanded(torch, spec, torch.float32, "cpu")
    assert found.stride() == tensor.strides
    assert np.array_equal(found.numpy(), tensor.expand(DTYPES["float32"]))
    hashed_at = Hashed(tensor, "float32")[tuple(np.indices(shape))]
    assert np.array_equal(found.numpy(), hashed_at)


def test_elements_are_picked_by_their_addresses() -> None:
    """Views, with offsets and steps, give the elements that indexing gives."""
    base = torch.arange(1000.0).reshape(10, 10, 10)
    view = base[2:, ::3].transpose(0, 2)
    index = [[0, 0, 0], [9, 3, 7], [4, 1, 2]]
    assert picked(torch, view, index).tolist() == [view[tuple(i)].item() for i in index]


def test_a_sample_looks_where_things_end() -> None:
    """Corners, both sides of powers of two of every axis and of the flat index, and 2^31 itself."""
    shape = (3, 2, 46342, 46342)
    found = sample(shape)
    assert (np.diff(found) > 0).all()
    flat = set(found.tolist())
    size = math.prod(shape)
    assert {0, size - 1, 2**31 - 1, 2**31, 2**32, 3 * 2**31, 2**33} <= flat
    index = unflat(found, shape)
    for axis, extent in enumerate(shape):
        powers = {2**k for k in range(extent.bit_length()) if 2**k < extent}
        sides = powers | {power - 1 for power in powers} | {0, extent - 1}
        assert sides <= set(index[:, axis].tolist())
    assert len(found) > RANDOM
    assert len(sample(shape, 10)) == 10
    assert set(sample(shape, 10).tolist()) <= flat
    assert sample((0, 3)).size == 0
    assert sample((2, 2)).tolist() == [0, 1, 2, 3]


def test_the_enclosure_is_that_of_the_whole() -> None:
    """Hashed elements and the whole tensors lead to the same balls."""
    large = Large(CASE)
    whole, at = enclose(CASE, "output", FLOAT32), large.enclosure(FLOAT32)
    assert np.array_equal(whole.mid.ravel()[large.places], at.mid)
    assert np.array_equal(whole.rad.ravel()[large.places], at.rad)
    assert large.nbytes == 4 * (2 * 3 * 40 * 50 + 4 * 27 + 4 + 2 * 4 * 40 * 25)


def test_what_cannot_be_hashed_piece_by_piece_is_refused() -> None:
    """Explicit values, kinds that depend on neighbours, and gradients are no large call."""
    for values in (Recipe("cancelling"), Recipe("onehot")):
        with pytest.raises(ValueError, match="a large call is"):
            Large(CASE.replace(input=Tensor(CASE.input.shape, values)))
    upstream = Tensor(CASE.output_shape, Recipe("ones"))
    with pytest.raises(ValueError, match="without gradients"):
        Large(CASE.replace(gradients=("input",), grad_output=upstream))


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("large_targets:short", "shape"),
        ("large_targets:double", "dtype"),
        ("large_targets:nothing", "type"),
        ("large_targets:raises", "error"),
        ("large_targets:ends", "exit"),
        ("plugin_targets:adds_one", "value"),
    ],
)
def test_each_fault_is_a_violation_of_its_kind(target: str, kind: str, spares: Recycling) -> None:
    """Form, exceptions and endings are judged as in any call; the check says how to do it again."""
    subject = subject_of(f"tests.{target}", spares)
    with pytest.raises(v.Violation) as caught:
        recheck(subject, CASE, {"kind": "large"})
    assert (caught.value.kind, caught.value.check) == (kind, {"kind": "large"})
    subject.runner.close()


@pytest.mark.parametrize("target", ["F.conv2d", "nn.Conv2d", "tests.large_targets:strided"])
def test_a_right_call_passes(target: str, spares: Recycling) -> None:
    """Stock torch, as a function and as a module, and any strides of the output."""
    subject = subject_of(target, spares)
    recheck_large(subject, CASE)
    recheck_large(
        subject, CASE.replace(input=Tensor(CASE.input.shape, Recipe("ones"), "channels_last"))
    )
    subject.runner.close()


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"returned": 3},
        {
            "returned": {
                "type": "Tensor",
                "shape": [2, 4, 40, 25],
                "dtype": "float32",
                "device": "cpu",
            }
        },
    ],
)
def test_nonsense_is_a_reply_violation(
    reply: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply without the elements, or with too few of them, is not believed."""
    implementation = Implementation(STOCK, rows=builtin("cpu", {}))
    runner = Runner(implementation, Recycling())
    monkeypatch.setattr(runner, "exchange", lambda *arguments: (reply, [b"\0" * 8]))
    with pytest.raises(v.ReplyViolation):
        recheck_large(Subject(implementation, runner, Domain()), CASE)


def test_script_and_replay(
    spares: Recycling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both show the defect, and both show that F.conv2d has none."""
    monkeypatch.setattr(finish_module, "REPEATS", 1)  # each costs a process
    target = "tests.plugin_targets:adds_one"
    subject = subject_of(target, spares)
    with pytest.raises(v.Violation) as caught:
        recheck(subject, CASE, {"kind": "large"})
    culprit = finish(caught.value, subject, NAME, tmp_path)
    assert "of 8000 elements" in culprit.facts["looked at"]
    subject.runner.close()
    (case,), (script,) = tmp_path.glob("cases/*.json"), tmp_path.glob("repro/*.py")
    assert replay(case, spares)[0] == FAILED
    assert _status(script) == 1
    for path in (case, script):
        path.write_text(path.read_text().replace(target, STOCK))
    assert replay(case, spares)[0] == FIXED
    assert _status(script) == 0
    script.write_text(script.read_text().replace(STOCK, "nowhere:conv2d"))
    assert _status(script) == 2


def _status(script: Path) -> int:
    command = [sys.executable, "-P", str(script)]
    variables = environment(PYTHONPATH=str(ROOT))
    return subprocess.run(command, env=variables, check=False, timeout=100).returncode


def test_every_form_can_be_drawn() -> None:
    """Each form, with each kernel; channels_last where there are channels."""
    for wanted in product(FORMS, (1, 3)):
        find(large_drafts(), partial(_is_of, wanted))
    find(large_drafts(), lambda draft: draft.layout == "channels_last")


def _is_of(wanted: tuple[str, int], draft: LargeDraft) -> bool:
    return (draft.form, draft.kernel) == wanted


def test_the_domain_is_kept() -> None:
    """Forms and kernels outside of what is declared are not drawn; with none left it is skipped."""
    with activated(Domain.parse(["kernel=1x1 groups=depthwise layout=channels_last"])):
        found = find(large_drafts(), lambda draft: True)
    assert found == LargeDraft("channels", 1, 0, "channels_last")
    for words in ("stride=2", "kernel=1xK", "batch=0 groups=prime", "passes=input"):
        with activated(Domain.parse([words])), pytest.raises(OutOfDomain):
            find(large_drafts(), lambda draft: True)


@pytest.mark.parametrize("form", FORMS)
def test_a_budget_is_used_and_kept(form: str) -> None:
    """At 9 GiB of float16 every form has more than 2^31 elements, and no extent has 32 bits.

    Choosing and enclosing elements of such an output takes no memory to speak of.
    """
    subject = _subject("cuda:0", 9.0)
    case = LargeDraft(form, 3, 1, "contiguous").assemble(subject)
    large = Large(case)
    assert case.dtype == "float16"
    assert max(math.prod(case.output_shape), math.prod(case.input.shape)) > 2**31
    assert max(*case.output_shape, *case.input.shape, *case.weight.shape) < 2**31
    assert large.nbytes < 9.01 * 2**30
    assert not large.enclosure(subject.implementation.arithmetic("float16")).rad.any()
    small = LargeDraft(form, 3, 1, "contiguous").assemble(_subject("cpu", 0.0))
    assert small.dtype == "float32"
    assert math.prod(small.output_shape) <= 2**20


def _subject(device: str, large: float) -> Subject:
    rows = builtin(device, {"cudnn.conv.fp32_precision": "ieee"})
    implementation = Implementation(STOCK, device, rows)
    subject = Subject(implementation, Runner(implementation, Recycling()), Domain())
    subject.large = large
    return subject


def test_dtypes_of_fast_algorithms_are_left_out() -> None:
    """Their bound needs whole planes; where no other dtype is declared the property is skipped."""
    subject = _subject("cuda:0", 0.0)
    subject.domain = Domain.parse(["dtype=float32|complex64"])
    with pytest.raises(OutOfDomain):
        LargeDraft("row", 1, 0, "contiguous").assemble(subject)
    subject.domain = Domain.parse(["dtype=int8 bias=yes"])
    case = LargeDraft("row", 1, 0, "contiguous").assemble(subject)
    assert case.dtype == "int8"
    assert case.bias is not None


def test_memory_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """A budget that the device cannot hold ends the run at its start, and says what is missing."""
    run = run_pytest(tmp_path, f"properties/test_large.py::{NAME}", "--conv2d-large", "100000")
    assert run.status == 4
    assert "`--conv2d-large`=100000 needs 200000 GiB, but of cpu" in run.output
    require_memory(0.0, "cpu", {})
    require_memory(1.0, "cpu", {"memory": needed(1.0)})
    for gib in (-1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="is not a size in GiB"):
            needed(gib)
