"""A device that is out of memory gives no verdict: the call is made again alone, then counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from properties import test_coverage
from properties import violations as v
from properties.case import Case
from properties.covering import Covering
from properties.domain import Domain
from properties.implementation import Implementation
from properties.items import Record
from properties.losses import CannotStart, Inconclusive
from properties.outcome import LOST, Results, Status, conclude, short_of_memory
from properties.replay import recheck
from properties.runner import Runner
from properties.search import MAX_LOST, BudgetSpent, Search, Unverified
from properties.shards import Shard
from properties.spares import Spares
from properties.subject import Subject
from properties.turns import Turns
from properties.wire import Header
from tests.killing import Recycling
from tests.plugin_targets import CASE, POINTWISE, UNBATCHED, property_of, run_pytest
from tests.test_outcome import SCHEMA
from tests.test_search import never, passes, trial

FULL: Header = {"memory": "OutOfMemoryError: CUDA out of memory"}
BAD: Header = {"error": "no kernel", "trace": ""}
PLAIN = CASE.replace(bias=None)


class Imitation:
    """A child that answers from a script: replies, or what is raised in place of one."""

    ended = False

    def __init__(self, script: list[Any]) -> None:
        self.script, self.facts = script, {"device_name": "imitation"}

    def load(self, module: str, name: str) -> Header:
        """Load nothing."""
        return {"form": "function", "flags": {}}

    def ask(self, *request: object) -> tuple[Header, list[memoryview]]:
        """Return the next reply."""
        return self.script.pop(0), []

    def unread(self) -> bool:
        """Have sent nothing more."""
        return False

    def end(self) -> int:
        """End."""
        self.ended = True
        return 0


class Scripted(Spares):
    """Children of one script, each a process of its own; `starts` has what starting one raises."""

    def __init__(self, *script: Any, starts: tuple[Exception | None, ...] = ()) -> None:
        super().__init__()
        self.script, self.starts = list(script), list(starts)
        self.taken: list[Any] = []

    def take(self, device: str, memory: int) -> Any:
        """Return the next child."""
        if self.starts and (error := self.starts.pop(0)):
            raise error
        self.taken.append(Imitation(self.script))
        return self.taken[-1]


class Watched(Turns):
    """Turns that tell how the device was held, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[str] = []

    def together(self) -> Any:
        """Tell it."""
        self.held.append("together")
        return super().together()

    def alone(self) -> Any:
        """Tell it."""
        self.held.append("alone")
        return super().alone()


def _run(device: str, *script: Any, **more: Any) -> tuple[Runner, Scripted, Watched, Any]:
    """Return what comes of one call whose replies are these."""
    spares, turns = Scripted(*script, **more), Watched()
    runner = Runner(
        Implementation("F.conv2d", device), spares, turns=turns if device != "cpu" else None
    )
    try:
        runner.run(CASE)
    except (v.Violation, Inconclusive) as found:
        return runner, spares, turns, found
    raise AssertionError("no reply of this script is a result")


def test_out_of_memory_is_tried_again_alone() -> None:
    """The first process is ended; what the call does in a second one, alone, is what counts."""
    _, spares, turns, found = _run("cuda:1", FULL, BAD)
    assert isinstance(found, v.ErrorViolation)
    assert turns.held == ["together", "alone"]
    assert [child.ended for child in spares.taken] == [True, False]


def test_out_of_memory_alone_is_no_verdict() -> None:
    """Then nothing is said of the implementation; the next call gets a new process."""
    runner, spares, turns, found = _run("cuda:0", FULL, FULL)
    assert type(found) is Inconclusive
    assert "CUDA out of memory" in str(found)
    assert [child.ended for child in spares.taken] == [True, True]
    spares.script.append(BAD)
    with pytest.raises(v.ErrorViolation):
        runner.run(CASE)
    assert turns.held == ["together", "alone", "together"]


def test_no_memory_for_a_process_is_no_verdict_either() -> None:
    """A device too full for a context says nothing; one that fails otherwise is an error."""
    full = CannotStart("cuda:0", "torch.AcceleratorError: CUDA error: out of memory")
    *_, found = _run("cuda:0", FULL, starts=(None, full))
    assert type(found) is Inconclusive
    with pytest.raises(CannotStart):
        _run("cuda:0", FULL, starts=(None, CannotStart("cuda:0", "no such device")))
    with pytest.raises(CannotStart):
        _run("cpu", starts=(full,))


def test_on_the_cpu_it_is_a_violation_at_once() -> None:
    """The CPU's worker has a limit of its own, and what passes it has no second try."""
    _, spares, turns, found = _run("cpu", FULL)
    assert isinstance(found, v.MemoryViolation)
    assert (len(spares.taken), turns.held) == (1, [])


def test_a_lost_device_is_a_violation_and_the_next_call_has_a_new_process() -> None:
    """No context outlives its loss."""
    runner, spares, _, found = _run("cuda:0", {"device_lost": "CUDA error"}, BAD)
    assert isinstance(found, v.DeviceLostViolation)
    with pytest.raises(v.ErrorViolation):
        runner.run(CASE)
    assert [child.ended for child in spares.taken] == [True, False]


@pytest.fixture
def scarce(spares: Recycling, tmp_path: Path) -> Iterator[Callable[[str], Subject]]:
    """Return subjects in true processes, whose CPU counts as a device with scarce memory."""
    runners: list[Runner] = []

    def subject(name: str) -> Subject:
        target = Implementation(f"tests.scarce_targets:{name}")
        runners.append(Runner(target, spares, turns=Turns(tmp_path, "cpu")))
        return Subject(target, runners[-1], Domain())

    yield subject
    for runner in runners:
        runner.fresh()
        runner.close()


def test_true_processes_that_run_out(scarce: Callable[[str], Subject]) -> None:
    """torch.OutOfMemoryError: what others caused is right alone; what is too large stays open."""
    subject = scarce("third_call_runs_out")
    before = subject.runner.calls
    recheck(subject, CASE, {"kind": "call"})  # three calls; the third in a process of its own
    assert subject.runner.calls - before == 4
    subject = scarce("two_images_run_out")
    subject.check(CASE)
    two = CASE.replace(input=type(CASE.input)((2, *CASE.input.shape[1:]), CASE.input.values))
    subject.trial({"case": two}, lambda: subject.check(two) and None)
    assert (subject.search.cases, subject.search.inconclusive) == (0, 1)
    subject.trial({"case": CASE}, lambda: subject.check(CASE) and None)
    assert (subject.search.cases, subject.search.inconclusive) == (1, 1)


def test_a_true_process_that_loses_its_device(scarce: Callable[[str], Subject]) -> None:
    """The second call of a process is that violation; the third is right, in a new one."""
    subject = scarce("second_call_loses_the_device")
    subject.check(CASE)
    with pytest.raises(v.DeviceLostViolation, match="unspecified launch failure; then"):
        subject.check(CASE)
    subject.check(CASE)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CUDA error: out of memory", "memory"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "memory"),
        ("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED", "memory"),
        ("CUDA error: an illegal memory access was encountered", "error"),
    ],
)
def test_the_words_of_the_driver_count_on_a_device_alone(text: str, kind: str) -> None:
    """The driver and the libraries have no class for it; on the CPU their words mean nothing."""
    import torch

    from properties.failures import described

    found = {
        device: described(RuntimeError(text), torch.device(device), lambda: None)
        for device in ("cpu", "meta")
    }
    assert "error" in found["cpu"]
    # No element of a tensor on `meta` can be read: such a device does not answer.
    assert {"memory": "memory", "error": "device_lost"}[kind] in found["meta"]


def _inconclusive() -> None:
    raise Inconclusive("out of memory")


def test_an_example_without_a_verdict_is_no_case() -> None:
    """It is counted by itself, is not tried again, and the search goes on."""
    search = Search()
    trial(search, 0, passes)
    trial(search, 1, _inconclusive)
    trial(search, 1, never)
    trial(search, 2, passes)
    assert (search.cases, search.inconclusive, search.violations) == (2, 1, [])
    assert search.counts()["inconclusive"] == 1


def test_a_search_in_vain_ends() -> None:
    """After some, where they are more than a share; few among many end nothing."""
    search = Search()
    for seed in range(MAX_LOST + 1):
        trial(search, seed, _inconclusive)
    with pytest.raises(BudgetSpent):
        trial(search, 99, never)
    search.cases = LOST * search.inconclusive
    trial(search, 99, passes)


@pytest.mark.parametrize(
    ("cases", "lost", "verified"),
    [(300, 0, True), (297, 3, True), (296, 4, False), (98, 1, False), (0, 0, True), (0, 1, False)],
)
def test_one_in_a_hundred_may_be_lost(cases: int, lost: int, verified: bool) -> None:
    """More of them leave the property not verified: status 5, with a way out."""
    reason = short_of_memory(cases, lost)
    assert (reason == "") == verified
    if reason:
        assert reason.startswith(f"{lost} of {cases + lost} cases ran out of memory, even alone: ")
        record: Record = {
            "property": "test_a",
            "target": "x on cuda",
            "cases": cases,
            "defects": {},
        }
        record |= {"outcome": "failed", "unverified": reason}
        outcome = conclude(1, Results([record]))
        assert outcome.status == Status.UNVERIFIED
        assert "fewer workers by -n" in outcome.reasons[0]


@pytest.mark.parametrize(("shard", "fails"), [(Shard(), True), (Shard(1, 2), False)])
def test_a_pair_of_levels_without_a_verdict_is_not_covered(
    shard: Shard, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that ran out of memory covers nothing; of a shard the whole will tell."""
    rows = [SimpleNamespace(case=case) for case in (CASE, PLAIN, PLAIN)]
    array = SimpleNamespace(rows=rows, planned={CASE, PLAIN}, missing=(), hit=lambda run: {*run})

    def check(case: Case) -> None:
        if case == CASE:
            raise Inconclusive("out of memory")

    search = Search()
    conv2d: Any = SimpleNamespace(shard=shard, search=search, trial=search.trial, check=check)
    monkeypatch.setattr(test_coverage, "_array", lambda subject: array)
    monkeypatch.setattr(test_coverage, "covered", lambda planned, hit: {})
    property_ = test_coverage.test_every_pair_of_levels
    if fails:
        with pytest.raises(Unverified, match=r"^1 of 2 pairs of levels were judged; out of"):
            property_(conv2d)
    else:
        property_(conv2d)
    assert (search.cells, search.cases, search.inconclusive) == ((1, 2), 1, 1)


@pytest.mark.parametrize(("late", "fails"), [(False, True), (True, False)])
def test_a_pair_of_levels_without_a_call_fails_the_whole(
    late: bool, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An array that finds no call for a pair verified less than it planned; not so one cut short.

    In a narrower domain the pair is not planned.
    """
    search = Search()
    search.deadline = 0.0 if late else None
    conv2d: Any = SimpleNamespace(shard=Shard(), search=search, trial=never, check=never)
    monkeypatch.setattr(test_coverage, "covered", lambda planned, hit: {})
    missing: dict[bool, Any] = {}
    for whole in (True, False):
        builder: Any = SimpleNamespace(
            planned=frozenset({"a", "b"}), lost=lambda: frozenset({"b"}), build=lambda: iter(())
        )
        array = Covering(builder, whole)
        missing[whole] = (array.planned, array.missing)
        monkeypatch.setattr(test_coverage, "_array", lambda subject, array=array: array)
        if whole and fails:
            with pytest.raises(Unverified, match=r"^no call was found for .*b"):
                test_coverage.test_every_pair_of_levels(conv2d)
        else:
            test_coverage.test_every_pair_of_levels(conv2d)
    assert missing == {True: ({"a", "b"}, {"b"}), False: ({"a"}, set())}


def test_a_run_on_two_devices(tmp_path: Path) -> None:
    """`-n auto` and `cuda` on two imitations: one worker each; the one without memory says so.

    One probe for xdist and for the session; each child sees the caller's own entry of its device.
    """
    target, starts = "tests.scarce_targets:two_calls_run_out", tmp_path / "starts"
    run = run_pytest(
        tmp_path,
        *("-p", "tests.imitation_gpus", property_of(POINTWISE), property_of(UNBATCHED)),
        *("--conv2d-impl", target, "--conv2d-device", "cuda", "-n", "auto"),
        *("--conv2d-shard", "1/6"),  # some 50 examples each, of which none may be lost
        STARTS=str(starts),
        RUNS_OUT=str(tmp_path / "count"),
        CUDA_VISIBLE_DEVICES="GPU-a,GPU-b",
    )
    assert run.status == 5, run.output
    for line in (
        "  at most 2 workers: 2 GiB free on cuda:0, 2 a worker",
        f"  {target} on cuda: workers take cuda:0, cuda:1 in turn, one process the first",
        f"{target} on cuda ran on cuda:0 (1), cuda:1 (1)",
    ):
        assert f"\n{line}\n" in run.output, line
    assert "  1 more inconclusive: out of memory\n" in run.output
    jsonschema.validate(run.report, SCHEMA)
    (facts,) = run.report["environment"].values()
    assert (facts["devices"], facts["device_name"]) == (["cuda:0", "cuda:1"], "imitation")
    lost, whole = sorted(run.report["items"], key=lambda item: item["outcome"])
    assert (lost["devices"], lost["inconclusive"], lost["target"]) == (
        ["cuda:1"],
        1,
        f"{target} on cuda",
    )
    assert lost["unverified"].startswith(f"1 of {lost['cases'] + 1} cases ran out of memory")
    assert (whole["devices"], whole["inconclusive"]) == (["cuda:0"], 0)
    assert run.report["reasons"][0].endswith(lost["unverified"])
    total = run.report["examples"] + 1
    assert f"\ninconclusive: 1 of {total} cases ran out of memory, alone too\n" in run.output
    begun = starts.read_text().splitlines()
    assert begun.count("cpu sees GPU-a,GPU-b") == 1
    assert {*begun[1:]} == {"cuda:0 sees GPU-a", "cuda:1 sees GPU-b"}
