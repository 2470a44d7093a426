"""However an implementation misbehaves, the judge names it, survives, and leaves nothing behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from properties import child as child_module
from properties import runner as runner_module
from properties.case import Case, Tensor
from properties.child import Child
from properties.expect import enclose
from properties.implementation import Implementation
from properties.judge import judge
from properties.losses import NotLoadable
from properties.runner import Runner
from properties.spares import Spares
from properties.values import Recipe
from properties.violations import KINDS, LateWriteViolation, ReplyViolation, Violation
from properties.wire import Header
from tests.hostile import HOSTILE, Hostile

MEMORY = 1 << 30
WATCHED = 8
WATCHDOG = 60
ALONE = [hostile for hostile in HOSTILE if hostile.alone]
TOGETHER = [hostile for hostile in HOSTILE if not hostile.alone]
# Where the next call is tried too: a fresh process costs more than a second.
SURVIVED = (
    "segfault",
    "exit_zero",
    "spin",
    "growing_bytes",
    "thread_writes_soon",
    "writes_garbage",
    "leaves_threads",
)


class Recorded(Spares):
    """Spare children, and the process groups and marks of all that were taken."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: dict[int, bytes] = {}

    def take(self, device: str, memory: int) -> Child:
        """Take a child; note its process group, and the mark on the environment of its kin."""
        child = super().take(device, memory)
        self.groups[child.process.pid] = child.mark.encode()
        return child


@pytest.fixture(scope="module")
def spares() -> Iterator[Recorded]:
    """Children that start up while a test runs."""
    pool = Recorded()
    yield pool
    pool.close()


@pytest.fixture(autouse=True)
def _watchdog(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that waits for ever."""
    # A busy machine may need long to end a process; only what must hang is cut short.
    monkeypatch.setattr(runner_module, "HANG_FLOOR", {"cpu": 20.0})

    def bark(number: int, frame: object) -> None:
        raise TimeoutError(f"the judge did not come back within {WATCHDOG} s")

    before = signal.signal(signal.SIGALRM, bark)
    signal.alarm(WATCHDOG)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def shared(spares: Recorded) -> Iterator[Runner]:
    """One process for all that do it no harm."""
    with Runner(Implementation("tests.hostile.parts:honest"), spares, memory=MEMORY) as runner:
        yield runner


@pytest.mark.parametrize("hostile", ALONE, ids=lambda hostile: hostile.name)
def test_it_is_the_violation_that_it_is(
    hostile: Hostile, spares: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge finds the registered kind, and no process is left behind."""
    spares.groups.clear()
    if hostile.kind == "hang":
        monkeypatch.setattr(runner_module, "HANG_FLOOR", {"cpu": 0.5})
    monkeypatch.setattr(child_module, "PROCESSES", 20)  # fewer: each costs the machine memory
    with Runner(Implementation(hostile.target), spares, memory=MEMORY) as runner:
        runner.doubts.hangs = 1  # one time-out is enough here; another test has the confirmation
        require_kind(runner, hostile)
        if hostile.name in SURVIVED:
            assert verdict(runner, call(1, 5)) == ""
    assert left_over(spares.groups) == []


@pytest.mark.parametrize("hostile", TOGETHER, ids=lambda hostile: hostile.name)
def test_the_worker_goes_on_after(hostile: Hostile, shared: Runner) -> None:
    """The judge finds the registered kind, and the next call is right in the same process."""
    names = {"module": hostile.target.partition(":")[0], "name": hostile.name}
    shared.exchange(call(1, 0), {"request": "load", **names}, (), 0)
    worker = shared.start()
    require_kind(shared, hostile)
    assert verdict(shared, call(1, 5, hostile.gradients)) == ""
    assert shared.start() is worker


def test_a_second_reply_is_that_of_the_call_before(spares: Recorded) -> None:
    """What still lies in the channel is held against the call that left it there."""
    guilty, innocent = call(2, 0), call(1, 5)
    target = Implementation("tests.hostile.channel:replies_empty_error")
    with Runner(target, spares, memory=MEMORY) as runner:
        first = verdict(runner, guilty)
        if first == "reply":
            return  # both had arrived: held against the right call at once
        assert first == "error"
        time.sleep(0.3)  # its true reply follows
        with pytest.raises(ReplyViolation) as caught:
            runner.run(innocent)
        assert caught.value.case is guilty
        assert verdict(runner, innocent) == ""


def test_a_hang_is_confirmed_in_a_fresh_process(
    spares: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first time-out alone is not believed: the machine may have been busy."""
    monkeypatch.setattr(runner_module, "HANG_FLOOR", {"cpu": 0.5})
    spares.groups.clear()
    with Runner(Implementation("tests.hostile.endings:sleep"), spares, memory=MEMORY) as runner:
        assert verdict(runner, call(2, 0)) == "hang"
    assert len(spares.groups) == 2
    assert left_over(spares.groups) == []


def test_a_writer_that_falls_behind_is_found(spares: Recorded) -> None:
    """Calls follow faster than their outputs are written to: an early call is named, and soon."""
    cases = [call(2, seed) for seed in range(2000)]
    with Runner(Implementation("tests.hostile.answers:pool_writes_later"), spares) as runner:
        with pytest.raises(LateWriteViolation) as caught:
            list(map(runner.run, cases))
        assert caught.value.case in cases[:WATCHED]
        assert 1 < runner.calls < len(cases)


@pytest.mark.parametrize("second", ["memory", ""])
def test_a_hang_that_is_not_confirmed_is_none(second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fresh process shows instead counts; and the next time-out is confirmed again."""
    answers = ["hang", second, "hang", "hang", "hang"]

    def answer(*arguments: object) -> tuple[Header, list[memoryview]]:
        kind = answers.pop(0)
        if kind:
            raise KINDS[kind](kind, call(2, 0))
        return {"error": "not a hang"}, []

    runner = Runner(Implementation("tests.hostile.parts:honest"), Spares())
    monkeypatch.setattr(runner, "start", dict)
    monkeypatch.setattr(runner, "_ask", answer)
    assert verdict(runner, call(2, 0)) == (second or "error")
    assert verdict(runner, call(2, 0)) == "hang"
    assert answers == ["hang"]  # confirmed: the next one is believed at once
    assert verdict(runner, call(2, 0)) == "hang"
    assert answers == []


def test_what_hangs_again_and_again_is_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that hang in a used process only are excused twice, each time with more patience."""
    used, limits = [False], []

    def answer(*arguments: object) -> tuple[Header, list[memoryview]]:
        limits.append(arguments[-1])
        if not used[0]:
            used[0] = True
            return {"error": "answered"}, []
        used[0] = False  # the next one is made in a fresh process
        raise KINDS["hang"]("hang", call(2, 0))

    runner = Runner(Implementation("tests.hostile.parts:honest"), Spares())
    monkeypatch.setattr(runner, "start", dict)
    monkeypatch.setattr(runner, "_ask", answer)
    assert [verdict(runner, call(2, 0)) for _ in range(4)] == ["error"] * 3 + ["hang"]
    assert limits == [20, 20, 100, 100, 500, 500]


def test_a_call_may_take_what_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each shape is compiled no call tells how long the next one takes: the run says it."""
    limits: list[float] = []

    def answer(*arguments: Any) -> tuple[Header, list[memoryview]]:
        limits.append(arguments[-1])
        return {"error": "answered"}, []

    for declared, slowest in ((60.0, 0.0), (60.0, 50.0), (1.0, 0.0), (0.0, 50.0)):
        target = Implementation("tests.hostile.parts:honest", call_seconds=declared)
        runner = Runner(target, Spares())
        runner.slowest = slowest
        monkeypatch.setattr(runner, "start", dict)
        monkeypatch.setattr(runner, "_ask", answer)
        assert verdict(runner, call(2, 0)) == "error"
    assert limits == [60, 60, 20, 500]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("tests.hostile.raises_on_import:conv2d", "libkernel.so"),
        ("tests.hostile.exits_on_import:conv2d", "ended"),
        ("tests.hostile.answers:no_such_name", "no_such_name"),
        ("tests.hostile:HOSTILE", "not callable"),
    ],
)
def test_what_cannot_be_loaded_is_refused(target: str, reason: str, spares: Recorded) -> None:
    """Loading fails with a sentence that names the target and the reason."""
    spares.groups.clear()
    with (
        Runner(Implementation(target), spares, memory=MEMORY) as runner,
        pytest.raises(NotLoadable, match=reason) as caught,
    ):
        runner.start()
    assert target in str(caught.value)
    assert left_over(spares.groups) == []


def require_kind(runner: Runner, hostile: Hostile) -> None:
    """Make the calls until one is a violation; it must be the registered one, and none is late."""
    found = None
    for seed in range(hostile.calls):
        found = violation(runner, call(2, seed, hostile.gradients))
        time.sleep(hostile.pause)
        if found:
            break  # what follows would run in a fresh process
    assert (found.kind if found else "") in (hostile.kind, hostile.also)
    assert hostile.where in str(found)
    assert "\x1b" not in str(found)


def call(images: int, seed: int, gradients: tuple[str, ...] = ()) -> Case:
    """Return a small call on integers; the implementations misbehave if `images` > 1."""
    grad_output = Tensor((images, 3, 4, 4), Recipe("integers", 16 * seed + 3))
    return Case(
        Tensor((images, 2, 6, 6), Recipe("integers", 16 * seed + 1)),
        Tensor((3, 2, 3, 3), Recipe("integers", 16 * seed + 2)),
        gradients=gradients,
        grad_output=grad_output if gradients else None,
    )


def verdict(runner: Runner, case: Case) -> str:
    """Return the kind of violation that a call is, "" if it is right."""
    found = violation(runner, case)
    return found.kind if found else ""


def violation(runner: Runner, case: Case) -> Violation | None:
    """Return the violation that a call is, None if it is right; its message must print."""
    try:
        observation = runner.run(case)
        for name, array in observation.arrays.items():
            row = runner.implementation.arithmetic(case.dtype, name)
            judge(array, enclose(case, name, row)).require(case, name)
    except Violation as found:
        str(found).encode()
        return found
    return None


def left_over(groups: dict[int, bytes]) -> list[int]:
    """Return what still lives of these groups and their kin; killing takes the kernel a moment."""
    deadline = time.monotonic() + 5
    while (alive := _members(groups)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _members(groups: dict[int, bytes]) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything; what follows it is numbers.
            state, _, group = path.read_text().rpartition(")")[2].split()[:3]
            given = path.with_name("environ").read_bytes()
        except OSError:
            continue
        if state != "Z" and (int(group) in groups or any(m in given for m in groups.values())):
            found.append(int(path.parent.name))
    return found
