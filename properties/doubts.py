"""What a worker may suffer from its machine, and is believed only if a fresh process repeats it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from properties import violations as v

Reply = TypeVar("Reply")

CONFIRM_FACTOR = 5.0
EXCUSED = 2  # hangs that are not repeated; calls that hang in a used process would go on to


@dataclass
class Doubts:
    """Of one runner. A busy machine is late; where memory is short, its kernel sends SIGKILL.

    `hangs` have been confirmed, `excused` were not repeated, nor was SIGKILL in `killed` calls.
    """

    hangs: int = 0
    excused: int = 0
    killed: int = 0

    def patience(self, limit: float) -> float:
        """Return the seconds to wait where a limit has been too short before."""
        return limit * CONFIRM_FACTOR**self.excused

    def about(self, seen: v.Violation) -> bool:
        """Tell whether a fresh process must repeat it."""
        if isinstance(seen, v.HangViolation):
            return not self.hangs and self.excused < EXCUSED
        return isinstance(seen, v.CrashViolation) and seen.title.startswith("SIGKILL ")

    def settled(self, seen: v.Violation, again: Callable[[], Reply]) -> Reply:
        """Return the reply that a fresh process gives; raise what it violates."""
        try:
            reply = again()
        except v.HangViolation:
            self.hangs += 1
            raise
        if isinstance(seen, v.HangViolation):
            self.excused += 1
        else:
            self.killed += 1
        return reply
