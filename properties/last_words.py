"""What a worker wrote last: where it was when it crashed, or when a call of it hung."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

FRAMES, WIDTH = 3, 240  # of a stack that is shown: lines, and characters of each


def last_words(log: str) -> str:
    """Return the implementation's frames of faulthandler's stacks, without a stack the last line.

    Those of the thread that got the signal; if it is none of Python's, of the last: the main one.
    Of code that is not in Python there is the frame that called it.
    """
    _, current, stack = log.rpartition("Current thread 0x")
    if not current:
        stack = log.rpartition("Thread 0x")[2]
    lines = [line.strip() for line in stack.partition("\n\n")[0].splitlines()]
    frames = [line for line in lines if line.startswith('File "')]
    own = str(Path(__file__).parent)
    outside = [*takewhile(lambda frame: own not in frame, frames)]
    shown = outside[:FRAMES] or frames[:1] or log.splitlines()[-1:]
    return "\n".join(map(_printable, shown))


def _printable(line: str) -> str:
    """Return a line that does nothing to a terminal: a worker may write what it likes."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line[:WIDTH])
