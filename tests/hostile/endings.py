"""Implementations that end, stop or exhaust their process."""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import os
import signal
import sys
import tempfile
import time

import torch

from properties.child import PROCESSES
from tests.hostile.parts import Tensor, hostile

_hoard: list[object] = []


@hostile
def segfault(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Read from address 0."""
    return ctypes.string_at(0)


@hostile
def abort(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Abort, as a failed assertion of a C library does."""
    return os.abort()


@hostile
def killed(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Send SIGKILL to its own process, as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
    return y


@hostile
def exit_zero(x: Tensor, w: Tensor, y: Tensor) -> object:
    """End the process as if all were well."""
    return os._exit(0)


@hostile
def fork_and_exit(x: Tensor, w: Tensor, y: Tensor) -> object:
    """End the process, but leave a child that holds the channel open."""
    if os.fork() == 0:
        time.sleep(600)
    return os._exit(3)


@hostile
def sleep(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Wait for something that never comes."""
    while True:
        time.sleep(1)


@hostile
def spin(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Compute for ever."""
    while True:
        pass


@hostile
def deaf_sleep(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Wait for ever and ignore every signal that can be ignored."""
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)


@hostile
def forges_its_stack(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Wait for ever; where asked, answer with what would clear a terminal, without end."""

    def answer(*_: object) -> None:
        while True:
            os.write(2, b'  File "\x1b[2J", line 1 in nothing\n' * 1000)
            time.sleep(0.01)

    faulthandler.unregister(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, answer)
    while True:
        time.sleep(1)


@hostile
def closes_the_log_and_sleeps(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Wait for ever, with nothing to write to but the channel."""
    os.closerange(0, 3)
    while True:
        time.sleep(1)


@hostile
def stopped(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Stop its own process."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return y


@hostile
def fork_and_hang(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Hang in two processes."""
    os.fork()
    while True:
        time.sleep(1)


@hostile
def recursion(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Call itself without end."""

    def again(depth: int) -> int:
        return again(depth + 1) + 1

    return again(0)


@hostile
def stack_overflow(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Nest lists until the C stack is full."""
    sys.setrecursionlimit(10**9)
    nested: list[object] = []
    for _ in range(10**5):
        nested = [nested]
    return repr(nested)


@hostile
def too_large_tensor(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Ask for a tensor of a tebibyte."""
    return torch.empty(1 << 40, dtype=torch.uint8)


@hostile
def growing_tensors(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Keep tensors without end."""
    while True:
        _hoard.append(torch.ones(1 << 24))


@hostile
def growing_bytes(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Keep small objects without end, until not even an exception's text fits."""
    while True:
        _hoard.append(bytearray(1 << 12))


@hostile
def growing_maps(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Map memory without end and touch it."""
    while True:
        memory = mmap.mmap(-1, 1 << 26)
        memory.write(b"\1" * (1 << 26))
        _hoard.append(memory)


@hostile
def forks_without_end(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Double its processes again and again, some of them in sessions of their own.

    They stop at some two to four times the limit, and end by themselves if nobody ends them.
    """
    for n in range(PROCESSES.bit_length() + 1):
        if os.fork() == 0 and n % 3 == 0:
            os.setsid()
    time.sleep(100)
    return os._exit(0)


@hostile
def leaves_a_daemon(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Leave a process in a session of its own, whose parent has gone, and end."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.wait()
    return os._exit(3)


@hostile
def fills_the_disk(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Write a file of a tebibyte, of which nearly all is a hole."""
    with tempfile.TemporaryFile() as file:
        file.seek(1 << 40)
        file.write(b"\1")
    return y
