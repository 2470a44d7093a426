"""`Runner`: the parent's end of the worker. `run(case)` gives an Observation or raises a Violation.

However a call ends, the judge goes on: a worker that crashed, hung or talked nonsense is killed
with its process group, and the next call gets a fresh process.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from properties import violations as v
from properties.case import Case
from properties.child import LOAD_LIMIT, Child
from properties.doubts import CONFIRM_FACTOR, Doubts
from properties.implementation import Implementation
from properties.losses import LOST, CannotStart, Inconclusive, MemoryExceeded, TooManyProcesses
from properties.observation import Observation, observe, payload_limit, plain
from properties.requests import encode
from properties.spares import Spares
from properties.steps import Log, Step
from properties.turns import Turns
from properties.wire import Buffer, ChannelClosed, ChannelTimeout, Header, WireError

HANG_FLOOR = {"cpu": 2.0}
HANG_FLOOR_DEVICE = 10.0
HANG_FLOOR_COMPILED = 60.0
HANG_FACTOR = 10.0  # times the slowest call so far, which may be the first one of a process
SETTLE = 0.1
SENT = 64

Call = tuple[Header, Sequence[Buffer], int]  # a request, and the bytes that may come back
Reply = tuple[Header, list[memoryview]]


class Runner(contextlib.AbstractContextManager["Runner"]):
    """Runs cases of one implementation in a child process, one at a time.

    `turns` are those of a device whose memory is scarce; the CPU has none, and a limit instead.
    A call that runs out of it is made again alone in a fresh process; then it is `Inconclusive`.
    """

    def __init__(
        self,
        implementation: Implementation,
        spares: Spares | None = None,
        memory: int = 8 << 30,
        turns: Turns | None = None,
    ) -> None:
        self.implementation, self.memory = implementation, memory
        self.turns = Turns() if turns is None and implementation.device != "cpu" else turns
        self.spares = spares if spares is not None else Spares()
        self._owns_spares = spares is None
        self.facts: Header = {}
        self.form = ""
        self.calls = 0
        self.slowest = 0.0
        self.doubts = Doubts()
        self.log = Log()  # of the calls that this process has made
        self._child: Child | None = None
        self._begin = True
        self._settle = 0.0
        self._number = 0
        self._sent: dict[int, Case] = {}
        self._last: Case | None = None
        self._prepared: list[Header] = []

    def start(self) -> Header:
        """Bring a worker up and load the implementation; return the facts of the device.

        Raises `CannotStart` or `NotLoadable`.
        """
        if self._child is None:
            child = self.spares.take(self.implementation.device, self.memory)
            reply = child.load(self.implementation.module, self.implementation.name)
            self.form, self._child = reply["form"], child
            self.log.clear()
            self.facts = {**child.facts, **reply["flags"]}
        return self.facts

    def begin(self) -> None:
        """Have the worker forget the places of earlier sequences before the next call."""
        self._begin = True
        self.log.begin()

    def run(self, call: Case | Step) -> Observation:
        """Carry out one call in the worker."""
        step = call if isinstance(call, Step) else Step(call)
        case = step.case
        self._ready(case)
        self.log.add(step)
        request, buffers = encode(case)
        if step.between is not None:
            between, more = encode(step.between)
            request["between"], buffers = between["tensors"], [*buffers, *more]
        request |= {"begin": self._begin, "place": step.place, "overwrite": step.overwrite}
        self._begin, self._number = False, self._number + 1
        limit = payload_limit(case)
        request |= {"request": "run", "limit": limit}
        request |= {"settle": self._settle, "number": self._number}
        reply, data = self.exchange(case, request, buffers, limit)
        if late := reply.get("late"):
            written = self._sent.get(late, case) if isinstance(late, int) else case
            self.stop()
            self._settle = SETTLE  # from now on every call waits before it looks
            raise v.LateWriteViolation("the output changed after the call had returned", written)
        if len(self._sent) > SENT:
            self._sent.popitem()  # only the first outputs and the last one are looked at again
        self._sent[self._number] = case
        try:
            return observe(case, self.implementation.device, reply, data)
        except (v.ReplyViolation, v.LateWriteViolation):
            self.stop()  # the pipe may hold more of the same; the writer may go on
            raise

    def _ready(self, case: Case) -> None:
        """Start what a call needs; Inconclusive if the device has no memory for a process."""
        try:
            self.start()
        except CannotStart as error:
            if self.turns is None or "out of memory" not in str(error):
                raise
            raise Inconclusive(str(error)) from error
        if case.mode != "eager" or case.derivative == "per-sample":
            # The first use of a mode may import, or compile, for seconds.
            self.prepare({"request": "prepare", "mode": case.mode, "derivative": case.derivative})

    def prepare(self, request: Header) -> None:
        """Send a request that only loads something, once per worker, with the limit of loading."""
        self.start()
        if self._child is None or request in self._prepared:
            return
        # A worker that dies of it says so in the request that follows.
        with contextlib.suppress(*LOST):
            self._child.ask(request, (), 0, LOAD_LIMIT)
        self._prepared.append(request)

    def exchange(
        self,
        case: Case,
        request: Header,
        buffers: Sequence[Buffer],
        max_payload: int,
        seconds: float = 0.0,
    ) -> Reply:
        """Send a request about `case`; raise the violation if the worker does not answer it.

        It has `seconds` for it at least, whatever others take.
        """
        call = {**request, "own": self.implementation.own}, buffers, max_payload
        if self.turns is None:
            return self._answer(case, call, seconds)
        self._ready(case)
        with self.turns.together():
            reply = self._answer(case, call, seconds)
        if "memory" not in reply[0]:
            return reply
        self.stop()  # with all that it holds of the device
        with self.turns.alone():
            self._ready(case)
            reply = self._answer(case, call, seconds)
            if "memory" in reply[0]:
                self.stop()
                raise Inconclusive(plain(reply[0]["memory"]))
        return reply

    def _answer(self, case: Case, call: Call, seconds: float) -> Reply:
        """Return the answer; a hang is believed when it is confirmed."""
        self.start()
        floor = HANG_FLOOR.get(self.implementation.device, HANG_FLOOR_DEVICE)
        if case.mode.startswith("compile"):
            floor = HANG_FLOOR_COMPILED
        usual = self.implementation.call_seconds or HANG_FACTOR * self.slowest
        limit = self.doubts.patience(max(floor, usual, seconds))
        try:
            return self._ask(case, call, limit)
        except (v.HangViolation, v.CrashViolation) as violation:
            if not self.doubts.about(violation):
                raise
            seen = violation
        self.start()
        return self.doubts.settled(seen, lambda: self._ask(case, call, CONFIRM_FACTOR * limit))

    def _ask(self, case: Case, call: Call, limit: float) -> Reply:
        child, last, self._last = self._child, self._last, case
        assert child is not None
        if last is not None and child.unread():
            self.stop()
            raise v.ReplyViolation("the worker sent more than the reply that was due", last)
        self.calls, began = self.calls + 1, time.monotonic()
        try:
            reply = child.ask(*call, limit)
        except ChannelTimeout:
            held = f"{child.resident() >> 20} MiB in use when the time was up"
            stacks = child.stacks()
            self.stop()
            raise v.hung(case, limit, held, stacks) from None
        except MemoryExceeded:
            self.stop()
            title = f"the worker passed its limit of {self.memory >> 20} MiB"
            raise v.MemoryViolation(title, case) from None
        except TooManyProcesses as error:
            self.stop()
            raise v.ProcessesViolation(f"the worker has {error}", case) from None
        except WireError as error:
            self.stop()
            raise v.ReplyViolation(f"the worker talks nonsense: {error}", case) from None
        except ChannelClosed:
            raise self._death(child, case) from None
        if "device_lost" in reply[0]:
            self.stop()
        self.slowest = max(self.slowest, time.monotonic() - began)
        return reply

    def _death(self, child: Child, case: Case) -> v.Violation:
        status, log = child.status(), child.log_tail()
        self.stop()
        if status is None:
            return v.ReplyViolation("the worker closed its channel but lives on", case)
        return v.died(case, status, log)

    def fresh(self) -> None:
        """Let the next call run in a new process."""
        self.stop()

    def stop(self) -> None:
        """End the worker; what it held is gone."""
        child, self._child = self._child, None
        self._sent, self._prepared = {}, []
        if child is not None:
            child.end()

    def close(self) -> None:
        """Leave the worker to the spare ones; end them if they are this runner's own."""
        child, self._child = self._child, None
        if child is not None:
            self.spares.leave(child)
        self.stop()
        if self._owns_spares:
            self.spares.close()
        if self.turns is not None:
            self.turns.close()

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()
