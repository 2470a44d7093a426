"""A terminal that may go away: `pytest | head`, a log on a full disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast


class Lasting:
    """A stream to whose end anything may happen: what is written then is lost, and nothing else.

    The exit status and report.json say what a run has found, whoever reads along.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what can be written; return the number of characters."""
        try:
            return self._stream.write(text)
        except OSError:
            self._give_up()
            return len(text)

    def flush(self) -> None:
        """Send on what can be sent."""
        try:
            self._stream.flush()
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """Send to nowhere what waits in the stream, or it would fail again when Python ends."""
        number = self._stream.fileno()
        kept, nowhere = os.dup(number), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        self._stream.flush()
        os.dup2(kept, number)
        os.close(kept)
        os.close(nowhere)


def lasting_stdout() -> Callable[[], None]:
    """Have what is created from here on write to a stdout that lasts; return what undoes it."""
    before = sys.stdout
    sys.stdout = cast(TextIO, Lasting(before))

    def undo() -> None:
        sys.stdout = before

    return undo
