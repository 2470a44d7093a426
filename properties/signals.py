"""Signals that end a process: SIGTERM as Ctrl-C, none twice, and SIGKILL with the parent."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
from collections.abc import Mapping
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PR_SET_PDEATHSIG = 1
JUDGED_BY = "CONV2D_JUDGED_BY"  # in the environment: the process that a run must not outlive


def interrupted_by_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does: children end, with all that they forked.

    Left as it is where the program has its own mind about it, or outside of the main thread.
    """
    with contextlib.suppress(ValueError):
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.default_int_handler)


def uninterrupted() -> dict[signal.Signals, Any]:
    """Ignore both signals from here on; return what would have answered them.

    `timeout` and Ctrl-C reach a whole process group, and people press it twice: a second one must
    not cut short what the first has asked for, which takes a moment.
    """
    with contextlib.suppress(ValueError):
        return {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    return {}


def restore(handlers: Mapping[signal.Signals, Any]) -> None:
    """Have the signals answered as before `uninterrupted`."""
    for number, handler in handlers.items():
        signal.signal(number, handler)


def dies_with_its_parent() -> None:
    """Have the kernel kill this process when its parent is gone, whatever it is busy with."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
