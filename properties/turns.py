"""Whose turn it is to use a device that several processes of a run share.

Any number of calls are made at a time; one that ran out of memory is made again alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class Turns:
    """Two locks on files, which the kernel releases with the process that holds them.

    The judge holds them, not the process that makes the call. Without a folder nobody else is
    there, and nothing is locked. Raises OSError where the folder cannot be written to.
    """

    def __init__(self, folder: Path | None = None, device: str = "") -> None:
        self._door = self._room = -1
        if folder is not None:
            how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._door = os.open(folder / f"{device}.door", how, 0o600)
            self._room = os.open(folder / f"{device}.room", how, 0o600)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Hold the device beside others; wait while somebody has it or wants it alone."""
        # Through the door: a room that somebody is in at all times would never be free.
        _lock(self._door, fcntl.LOCK_SH)
        try:
            _lock(self._room, fcntl.LOCK_SH)
        finally:
            _lock(self._door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            _lock(self._room, fcntl.LOCK_UN)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the device alone, once all calls that are under way have ended."""
        try:
            _lock(self._door, fcntl.LOCK_EX)
            _lock(self._room, fcntl.LOCK_EX)
            yield
        finally:
            _lock(self._room, fcntl.LOCK_UN)
            _lock(self._door, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the files."""
        for file in (self._door, self._room):
            if file >= 0:
                os.close(file)
        self._door = self._room = -1


def _lock(file: int, how: int) -> None:
    if file >= 0:
        fcntl.flock(file, how)
