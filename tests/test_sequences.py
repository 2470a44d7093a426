"""Sequences of calls: what shares memory, what a violation leaves behind, and how it comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from properties import finish as finish_module
from properties import violations as v
from properties.behaviour import classify
from properties.case import OPERANDS, Case, Tensor
from properties.domain import Domain, activated
from properties.finish import finish
from properties.implementation import Implementation
from properties.replay import CANNOT_RUN, FAILED, FIXED, replay
from properties.repro import script
from properties.runner import Runner
from properties.search import Search
from properties.sequences import CHANGES, redilated, renewed, repadded, sequence, strided, touched
from properties.spares import Spares
from properties.steps import Calls, Step, check_of, described, steps_of
from properties.subject import Subject
from properties.values import Recipe
from properties.violations import Violation
from tests.plugin_targets import CASE, TRAINED
from tests.sequence_targets import problems

STOCK = "F.conv2d"


def steps(*names: str, case: Case = CASE) -> tuple[Step, ...]:
    """Return the call and what the named changes make of it."""
    others = {
        "stride": strided(case, "2"),
        "padding": repadded(case, "1"),
        "kernel": redilated(case, "1"),
        "drawn": CASE.replace(bias=None),
    }
    return sequence(case, [CHANGES[name] for name in names], others)


EVERY = steps(*CHANGES, case=TRAINED)
# Of each implementation the changes that show its defect.
STALE = {
    "tests.mutants.state:weights_cached_by_address": ("a new weight",),
    "tests.mutants.stale:bias_packed_with_the_weight": ("a new bias",),
    "tests.mutants.stale:answer_kept_and_given_away": ("the output overwritten",),
    "tests.mutants.stale:plan_kept_by_shape": ("another stride",),
    "tests.mutants.stale:gradient_of_the_latest_input": ("backward after another forward",),
    "tests.mutants.stale:PacksOnce": ("new values",),
    "tests.mutants.stale:PacksForInference": ("grad mode switched", "new values"),
}
# A function and a module, for which processes are spent on filing and replaying the case too.
FILED = ("tests.mutants.state:weights_cached_by_address", "tests.mutants.stale:PacksOnce")


@pytest.fixture(scope="module")
def spares() -> Iterator[Spares]:
    """Return the processes that start up while a test runs."""
    pool = Spares()
    yield pool
    pool.close()


def subject_of(target: str, spares: Spares) -> Subject:
    """Return a subject whose processes are its own."""
    return Subject(Implementation(target), Runner(Implementation(target), spares), Domain())


@pytest.mark.parametrize("target", ["F.conv2d", "nn.Conv2d"])
def test_every_change_passes_where_nothing_is_kept(
    target: str, spares: Spares, tmp_path: Path
) -> None:
    """Torch's own convolution gives the right result at every step; so says the script."""
    subject = subject_of(target, spares)
    subject.check_sequence(EVERY)
    subject.runner.stop()
    violation = v.ValueViolation("y = 1.0 is not 2.0", EVERY[-1].case, check=check_of(EVERY))
    text = script(violation, subject.implementation)
    assert problems(text, tmp_path, subject.implementation.target) == []


@pytest.mark.parametrize(("target", "changes"), STALE.items(), ids=[t[14:] for t in STALE])
def test_what_is_kept_is_found_and_scripted(
    target: str, changes: tuple[str, ...], spares: Spares, tmp_path: Path
) -> None:
    """The call fails after the others; the script makes them again.

    With a right implementation it finds nothing wrong.
    """
    subject = subject_of(target, spares)
    found = violation_of(subject, calls_of(changes))
    subject.runner.stop()
    assert found.title.startswith(f"call {1 + len(changes)} of a sequence: ")
    text = script(found, subject.implementation)
    assert problems(text, tmp_path, target) != []
    assert problems(text, tmp_path, right_for(target)) == []


def calls_of(changes: tuple[str, ...]) -> tuple[Step, ...]:
    """Return the sequence of these changes, with gradients where they need some."""
    return steps(*changes, case=TRAINED if "backward" in changes[0] else CASE)


def right_for(target: str) -> str:
    """Return torch's own implementation of the same form."""
    return "torch.nn:Conv2d" if ":Packs" in target else "torch.nn.functional:conv2d"


@pytest.mark.parametrize("target", FILED)
def test_what_is_kept_is_filed(
    target: str, spares: Spares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call fails after the others and not alone; case.json makes them again.

    With a right implementation it tells that the defect is gone.
    """
    monkeypatch.setattr(finish_module, "REPEATS", 1)  # each costs a process
    subject, calls = subject_of(target, spares), calls_of(STALE[target])
    found = finish(violation_of(subject, calls), subject, "test_sequences_of_calls", tmp_path)
    subject.runner.stop()
    assert (found.record["behaviour"], found.record["repeats"]) == ("history-dependent", 1)
    assert "  repeats         1 of 1 fresh processes: history-dependent\n" in str(found)
    assert [data["place"] for data in found.check["steps"]] == [step.place for step in calls]
    path = Path(found.record["case"])
    assert replay(path)[0] == FAILED
    if target == FILED[0]:  # each replay costs two processes
        data = json.loads(path.read_text()) | {"implementation": right_for(target)}
        path.write_text(json.dumps(data))
        assert replay(path)[0] == FIXED


def violation_of(subject: Subject, calls: tuple[Step, ...]) -> Violation:
    """Return the violation of a sequence, as a property leaves it."""
    subject.search = Search()
    with pytest.raises(Violation) as caught:
        subject.trial({"calls": Calls(calls)}, lambda: subject.check_sequence(calls))
    return caught.value


def test_a_call_that_fails_alone_is_deterministic(
    spares: Spares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a sequence whose last call fails by itself only that call is filed."""
    monkeypatch.setattr(finish_module, "REPEATS", 2)
    subject = subject_of("tests.plugin_targets:adds_one", spares)
    found = finish(
        violation_of(subject, steps("new values")), subject, "test_sequences_of_calls", tmp_path
    )
    subject.runner.stop()
    assert found.check == {"kind": "call"}
    assert "sequence" not in found.title
    assert (found.record["behaviour"], found.record["repeats"]) == ("deterministic", 2)


def test_an_earlier_example_that_matters_is_found(spares: Spares) -> None:
    """What the process had done before the failing example counts, and no more than is needed."""
    subject = subject_of("tests.mutants.state:weights_cached_by_shape", spares)
    subject.search = Search()
    first, last = (renewed(CASE, OPERANDS, number) for number in (1, 2))
    between = CASE.replace(weight=Tensor((3, 2, 1, 1), Recipe("normal", 1)))
    for case in (first, between):
        subject.check(case)
    with pytest.raises(v.ValueViolation) as caught:
        subject.trial({"case": last}, partial(required, subject, last))
    violation, behaviour = classify(caught.value, subject, 1)
    subject.runner.stop()
    assert (behaviour.name, behaviour.shown, behaviour.processes) == ("history-dependent", 1, 1)
    assert [step.case for step in steps_of(violation.check)] == [first, last]


def required(subject: Subject, case: Case) -> None:
    """Check a call, as a property does."""
    subject.check(case)


def test_chance_is_flaky(spares: Spares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails in some fresh processes and not in others is told as so many of so many."""
    counter = tmp_path / "counter"
    counter.write_text("")
    monkeypatch.setenv("TURNS", str(counter))
    own = Spares()  # whose processes have that variable
    subject = subject_of("tests.sequence_targets:wrong_in_every_second_process", own)
    subject.search = Search()
    subject.runner.start()
    subject.runner.fresh()
    with pytest.raises(v.ValueViolation) as caught:
        subject.check(CASE)
    violation, behaviour = classify(caught.value, subject, 2)
    subject.runner.close()
    own.close()
    assert behaviour.name == "flaky"
    assert (behaviour.shown, behaviour.processes) == (1, 2)
    assert violation.check == {"kind": "call"}
    assert str(behaviour) == "1 of 2 fresh processes: flaky"


def test_changes_are_what_they_say() -> None:
    """Each change renews its operands, in the same memory or elsewhere, and is told in a line."""
    said = described(EVERY).splitlines()
    assert [line.partition(" ")[0] for line in said] == [f"{n}." for n in range(1, len(EVERY) + 1)]
    told = dict(zip(("", *CHANGES), (line.partition(" ")[2] for line in said), strict=True))
    assert told["the same call again"] == "the same call in the same memory"
    assert told["a new weight"] == "in the same memory, new values of weight"
    assert told["a new bias"] == "in the same memory, new values of bias"
    assert told["one new element"] == "in the same memory, new values of weight"
    assert told["new values"].endswith("new values of input, weight, bias, grad_output")
    assert told["new memory"] == "in new memory: call 5 again"
    assert told["new memory and values"].startswith("in new memory: float32, input 1x2x5x5")
    assert told["the output overwritten"].endswith("memory, the last output overwritten before")
    assert told["backward after another forward"].endswith(", backward after another forward")


def test_one_element_is_another() -> None:
    """Whatever the index, one element of the operand differs, and the next call has it again."""
    for index in (0, 7, 1000):
        changed = touched(TRAINED, "weight", index)
        assert np.sum(changed.arrays["weight"] != TRAINED.arrays["weight"]) == 1
        assert changed.arrays["weight"].flat[index % TRAINED.arrays["weight"].size] in (0, 1)
    first, _, third = steps("one new element", "the same call again")
    assert third.case == first.case


def test_another_padding_makes_one_padded_size() -> None:
    """Input and padding together are as large as before, in every mode that has such an input."""
    for mode in ("zeros", "reflect", "circular"):
        case = CASE.replace(padding=(2, 0), padding_mode=mode)
        other = repadded(case, "1")
        assert other.params.padding == (1, 1)
        assert other.output_shape == case.output_shape
        assert other.input.shape == (*case.input.shape[:2], 7, 3)
    large = CASE.replace(padding=2, padding_mode="reflect")
    assert repadded(large, "3,1") is large  # which leaves 3 rows to pad by 3
    assert repadded(large, "same") is large


def test_another_kernel_reaches_as_far() -> None:
    """Taps are added or left out between the outermost ones, and input and output stay as large."""
    case = CASE.replace(weight=Tensor((3, 2, 5, 3), Recipe("normal", 1)), padding=2)
    other = redilated(case, "2")
    assert (other.weight.shape, other.params.dilation) == ((3, 2, 3, 2), (2, 2))
    assert (other.input, other.output_shape) == (case.input, case.output_shape)
    assert redilated(other, "1") == case
    assert redilated(case, "3") is case  # whose rows reach 4
    with activated(Domain.parse(["kernel=rectangle"])):
        assert redilated(case, "2,1") is case  # of 3x3


def test_json_keeps_every_step() -> None:
    """A check holds plain data that is read back to equal steps; other data is refused."""
    check = json.loads(json.dumps(check_of(EVERY)))
    assert check_of(steps_of(check)) == check
    assert Calls(steps_of(check)).key == Calls(EVERY).key != Calls(EVERY[1:]).key
    with pytest.raises(ValueError, match="empty"):
        steps_of({"steps": []})
    with pytest.raises(ValueError, match="another form"):
        Step(CASE, 0, between=TRAINED)


@pytest.mark.parametrize("broken", [[], [{}], [{"case": {}, "place": 0}], None])
def test_replay_refuses_other_steps(broken: Any, tmp_path: Path) -> None:
    """A check whose steps cannot be read is CANNOT RUN HERE."""
    path = tmp_path / "case.json"
    plain = {"implementation": STOCK, "device": "cpu", "case": CASE.to_json()}
    path.write_text(json.dumps({**plain, "check": {"kind": "sequence", "steps": broken}}))
    assert replay(path)[0] == CANNOT_RUN


def test_a_write_to_kept_operands_is_found(spares: Spares) -> None:
    """Inputs must stay unchanged at every step, in memory that was filled anew as well."""
    subject = subject_of("tests.sequence_targets:doubles_its_second_input", spares)
    with pytest.raises(v.MutationViolation, match="call 2 of a sequence"):
        subject.check_sequence(steps("new values"))
    subject.runner.stop()


def test_the_very_same_tensors_come_again(spares: Spares) -> None:
    """A function gets the same objects, whatever their values; new memory holds others."""
    subject = subject_of("tests.sequence_targets:requires_the_same_tensors", spares)
    subject.check_sequence(steps("the same call again", "a new weight", "a new bias", "new values"))
    subject.runner.fresh()
    with pytest.raises(v.ErrorViolation, match=r"call 2 of a sequence: .*other tensors"):
        subject.check_sequence(steps("new memory"))
    subject.runner.stop()
