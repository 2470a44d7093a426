"""One child process from the parent's side: started, spoken to, watched, and ended as a group."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from properties import kin
from properties.losses import LOST, CannotStart, MemoryExceeded, NotLoadable, TooManyProcesses
from properties.wire import (
    Buffer,
    ChannelClosed,
    Header,
    WireError,
    pack,
    receive,
    send,
)

if not hasattr(os, "killpg"):
    raise ImportError("conv2d-properties needs POSIX processes: on Windows, run it in WSL")

BOOTSTRAP = (
    "import sys, json; a = sys.argv[1]; sys.path[:] = json.loads(a)['path'];"
    "from properties.worker import main; main(a)"
)
# Of BOOTSTRAP: the last frame of the main thread, which is dumped last.
OUTERMOST = b'File "<string>", line 1 in <module>'
START_LIMIT = 180.0  # seconds for importing torch and opening a device, on a busy machine
TAIL = 2000
STACKS = 1 << 15  # bytes of a dump that are read
PATIENCE = 1.0  # seconds for it: whoever can answer does so within milliseconds
FILE_SIZE = 2 << 30  # bytes of any file that a worker writes: caches of compilers have far less
# Of a worker, it included: a build runs a few for each core, and so does torch.compile.
PROCESSES = 64 + 8 * (os.cpu_count() or 1)
COUNTED = 0.5  # seconds between two counts of them, while a call lasts
MARK = "CONV2D_WORKER"
LOAD_LIMIT = 300.0  # seconds: importing an implementation may compile it


class Child:
    """A worker process and its two pipes; `device` is the caller's name for it ("cuda:1").

    A `probe` also looks for every device there is, and opens them.
    """

    def __init__(self, device: str = "cpu", memory: int = 8 << 30, probe: bool = False) -> None:
        self.device, self.memory = device, memory
        self.facts: Header = {}
        self._ready = False
        self._requests = 0
        self._tail = ""
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        child_read, self._write = os.pipe()
        self._read, child_write = os.pipe()
        inner, environment = _inside(device)
        environment[MARK] = secrets.token_hex(8)
        self.mark = f"{MARK}={environment[MARK]}"
        self._counted = 0.0
        config = {
            "path": [str(Path(__file__).parent.parent), *(p or str(Path.cwd()) for p in sys.path)],
            "read": child_read,
            "write": child_write,
            "device": inner,
            "memory": memory,
            "file_size": FILE_SIZE,
            "probe": probe,
            "parent": os.getpid(),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", BOOTSTRAP, json.dumps(config)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=(child_read, child_write),
            start_new_session=True,
            env=environment,
        )
        self.guard = kin.guard(self.process.pid, self.mark)
        os.close(child_read)
        os.close(child_write)
        os.set_blocking(self._write, False)

    def greet(self) -> Header:
        """Wait until the child has imported torch; return the facts it reports.

        Raises CannotStart; the child is ended then.
        """
        if not self._ready:
            try:
                header, _ = receive(self._read, 0, time.monotonic() + START_LIMIT)
            except LOST as error:
                self.end()
                raise CannotStart(self.device, self.log_tail()) from error
            self.facts, self._ready = header["hello"], True
        return self.facts

    def load(self, module: str, name: str) -> Header:
        """Have the child import an implementation; return its form and the flags that it left.

        Raises NotLoadable; the child is ended then.
        """
        reason = ""
        try:
            reply, _ = self.ask(
                {"request": "load", "module": module, "name": name}, (), 0, LOAD_LIMIT
            )
            if "form" in reply:
                return reply
            reason = str(reply.get("unloadable", reply))
        except LOST as error:
            reason = f"the worker ended or hung ({type(error).__name__}): {self.log_tail()}"
        self.end()
        raise NotLoadable(f"{module}:{name}: {reason}")

    def ask(
        self, header: Header, buffers: Sequence[Buffer], max_payload: int, limit: float
    ) -> tuple[Header, list[memoryview]]:
        """Send one request and return its reply.

        Raises ChannelClosed (the child is gone), ChannelTimeout (`limit` seconds passed), WireError
        (not a reply), MemoryExceeded or TooManyProcesses; after any of them the child must be
        ended.
        """
        self.greet()
        self._requests += 1
        self._counted = time.monotonic()
        deadline = time.monotonic() + limit
        frame = pack({**header, "id": self._requests}, buffers)
        send(self._write, frame, deadline)
        reply, data = receive(self._read, max_payload, deadline, self._watch)
        if reply.get("id") != self._requests:
            raise WireError(f"the reply answers request {reply.get('id')!r}, not {self._requests}")
        return reply, data

    def unread(self) -> bool:
        """Tell whether the child has sent more than was asked for."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))

    @property
    def ended(self) -> bool:
        """Whether `end` was called."""
        return self._log.closed

    def end(self) -> int:
        """Kill it and all that it started, reap the child, return its exit status."""
        if self.ended:
            return self.process.returncode
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # at one blow, if nobody left the group
        kin.end_all(self.process.pid, self.mark)
        status = self.process.wait()
        self.guard.kill()
        self.guard.communicate()
        for fd in (self._read, self._write):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._read = self._write = -1
        self._tail = self.log_tail()
        self._log.close()
        return status

    def status(self, patience: float = 3.0) -> int | None:
        """Return the exit status if the child ends by itself within `patience` seconds."""
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return None

    def log_tail(self) -> str:
        """Return the last lines that the child wrote to stdout and stderr."""
        if self.ended:
            return self._tail
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - TAIL))
        return self._log.read().decode(errors="replace").strip()

    def stacks(self) -> str:
        """Ask the child where its threads are, and return what it writes; "" if it cannot answer.

        The process may be stopped, deaf, or write what it likes: this is only ever shown.
        """
        begin = os.fstat(self._log.fileno()).st_size
        with contextlib.suppress(PermissionError):
            self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + PATIENCE
        written = b""
        while OUTERMOST not in written and time.monotonic() < deadline:
            time.sleep(0.01)
            written = os.pread(self._log.fileno(), STACKS, begin)
        return written.decode(errors="replace")

    def _watch(self) -> None:
        if self.process.poll() is not None:
            raise ChannelClosed  # a process that it forked may keep the pipe open
        if self.memory and self.resident() > self.memory:
            raise MemoryExceeded
        if time.monotonic() > self._counted + COUNTED:
            self._counted = time.monotonic()
            if len(kin.members(self.process.pid, self.mark)) > PROCESSES:
                raise TooManyProcesses(f"more than {PROCESSES} processes")

    def resident(self) -> int:
        """Return the bytes of memory that the child has in use; 0 where that is not told."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")


def _inside(device: str) -> tuple[str, dict[str, str]]:
    """Return the device's name inside the child, and the child's environment."""
    environment = dict(os.environ)
    environment |= {"MALLOC_PERTURB_": "128", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment["PYTHONUNBUFFERED"] = "1"
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return device, environment
    # An entry of the caller's own list (numbers, UUIDs or MIG names), never outside it: an empty
    # list has none.
    own, place = os.environ.get("CUDA_VISIBLE_DEVICES"), int(index or 0)
    visible = [] if own is None else [entry.strip() for entry in own.split(",")]
    listed = visible[place] if place < len(visible) else ""
    environment["CUDA_VISIBLE_DEVICES"] = str(place) if own is None else listed or "-1"
    return "cuda:0", environment
