"""Implementations that harm their own worker. Unlike others here it imports torch and prints."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from typing import Any

import torch
from torch.nn.functional import conv2d

from tests.hostile.parts import HEAD, write_to_pipes

for _ in range(64):
    sys.stdout.write("compiling kernels\n" * 3500)

_calls = itertools.count(1)
_number = 0


def prints_on_import(*arguments: Any) -> Any:
    """Be right; importing it printed megabytes."""
    return conv2d(*arguments)


def no_memory(*arguments: Any) -> Any:
    """Run out of memory in Python."""
    raise MemoryError


def half_a_reply(*arguments: Any) -> Any:
    """Send the head of a reply, and nothing after it."""
    write_to_pipes(HEAD.pack(b"c2d1", 100, 0))
    time.sleep(3600)


def stops_after_its_reply(*arguments: Any) -> Any:
    """Be right; the process stops once the answer is sent, before the next call."""
    threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGSTOP)).start()
    return conv2d(*arguments)


def loses_its_context(*arguments: Any) -> Any:
    """Fail for good from the third call of a process on, as a device does: torch fails too."""
    if next(_calls) < 3:
        return conv2d(*arguments)

    def lost(*_: object, **__: object) -> Any:
        raise RuntimeError("an illegal memory access was encountered")

    torch.ones = lost
    return lost()
