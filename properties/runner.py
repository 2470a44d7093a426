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
from properties.child import CannotStart, Child, MemoryExceeded, TooManyProcesses
from properties.implementation import Implementation
from properties.observation import Observation, observe, payload_limit
from properties.requests import encode
from properties.spares import Spares
from properties.steps import Log, Step
from properties.wire import Buffer, ChannelClosed, ChannelTimeout, Header, WireError

LOAD_LIMIT = 300.0  # seconds: importing an implementation may compile it
HANG_FLOOR = {"cpu": 2.0}
HANG_FLOOR_DEVICE = 10.0
HANG_FLOOR_COMPILED = 60.0
HANG_FACTOR = 10.0  # times the slowest call so far, which may be the first one of a process
CONFIRM_FACTOR = 5.0
SETTLE = 0.1
SENT = 64
# Of a request that is no call: the worker ended, hung, talked nonsense, or took too much.
LOST = (ChannelClosed, ChannelTimeout, WireError, MemoryExceeded, TooManyProcesses)


class NotLoadable(Exception):
    """The implementation cannot be imported; the message says why."""


class Runner:
    """Runs cases of one implementation in a child process, one at a time."""

    def __init__(
        self, implementation: Implementation, spares: Spares | None = None, memory: int = 8 << 30
    ) -> None:
        self.implementation, self.memory = implementation, memory
        self.spares = spares if spares is not None else Spares()
        self._owns_spares = spares is None
        self.facts: Header = {}
        self.form = ""
        self.calls = 0
        self.slowest = 0.0
        self.hangs = 0
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
            names = {"module": self.implementation.module, "name": self.implementation.name}
            try:
                reply, _ = child.ask({"request": "load", **names}, (), 0, LOAD_LIMIT)
            except LOST as error:
                child.end()
                reason = f"the worker ended or hung ({type(error).__name__}): {child.log_tail()}"
                raise NotLoadable(f"{self.implementation.target}: {reason}") from error
            if "form" not in reply:
                child.end()
                reason = str(reply.get("unloadable", reply))
                raise NotLoadable(f"{self.implementation.target}: {reason}")
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
        self.start()
        if case.mode != "eager" or case.derivative == "per-sample":
            # The first use of a mode may import, or compile, for seconds.
            self.prepare({"request": "prepare", "mode": case.mode, "derivative": case.derivative})
        self.log.add(step)
        request, buffers = encode(case)
        if step.between is not None:
            between, more = encode(step.between)
            request["between"], buffers = between["tensors"], [*buffers, *more]
        request |= {"begin": self._begin, "place": step.place, "overwrite": step.overwrite}
        self._begin = False
        self._number += 1
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
    ) -> tuple[Header, list[memoryview]]:
        """Send a request about `case`; raise the violation if the worker does not answer it.

        Any has `seconds` for its answer, which says nothing of how long others may take.
        """
        self.start()
        floor = HANG_FLOOR.get(self.implementation.device, HANG_FLOOR_DEVICE)
        if case.mode.startswith("compile"):
            floor = HANG_FLOOR_COMPILED
        limit = max(floor, HANG_FACTOR * self.slowest, seconds)
        request = {**request, "own": self.implementation.own}
        try:
            return self._ask(case, request, buffers, max_payload, limit)
        except v.HangViolation:
            if self.hangs:
                raise
        # The machine may be busy: the first hang is believed when a fresh process repeats it.
        self.start()
        try:
            return self._ask(case, request, buffers, max_payload, CONFIRM_FACTOR * limit)
        except v.HangViolation:
            self.hangs += 1
            raise

    def _ask(
        self,
        case: Case,
        request: Header,
        buffers: Sequence[Buffer],
        max_payload: int,
        limit: float,
    ) -> tuple[Header, list[memoryview]]:
        child = self._child
        assert child is not None
        last, self._last = self._last, case
        if last is not None and child.unread():
            self.stop()
            raise v.ReplyViolation("the worker sent more than the reply that was due", last)
        self.calls += 1
        began = time.monotonic()
        try:
            reply = child.ask(request, buffers, max_payload, limit)
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
        status = child.status()
        log = child.log_tail()
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
        self._sent, self._prepared = {}, []
        if child is not None:
            self.spares.leave(child)
        if self._owns_spares:
            self.spares.close()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


__all__ = ["CannotStart", "NotLoadable", "Runner"]
