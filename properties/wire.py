"""Frames between judge and worker: a JSON header and raw buffers, never pickle.

A frame is 16 bytes (magic, length of the header, length of the payload), the header, and the
payload: the buffers of `header["buffers"]`, back to back. One frame each way per request.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

MAGIC = b"c2d1"
HEAD = struct.Struct("<4sIQ")
MAX_HEADER = 1 << 24
AHEAD = 1 << 16  # what a pipe holds

Buffer = bytes | bytearray | memoryview
Header = dict[str, Any]


class WireError(Exception):
    """What arrived is not a frame of this protocol, or is larger than what was asked for."""


class ChannelClosed(Exception):
    """The other end is gone."""


class ChannelTimeout(Exception):
    """The other end did not answer in time."""


def pack(header: Header, buffers: Sequence[Buffer] = ()) -> bytes:
    """Return the frame; the lengths of `buffers` are written into the header."""
    sizes = [len(buffer) for buffer in buffers]
    text = json.dumps({**header, "buffers": sizes}).encode()
    return b"".join([HEAD.pack(MAGIC, len(text), sum(sizes)), text, *buffers])


def send(fd: int, frame: bytes, deadline: float | None = None) -> None:
    """Write a frame to `fd` (non-blocking when there is a deadline of `time.monotonic`)."""
    view = memoryview(frame)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            _wait(fd, select.POLLOUT, deadline, None)
        except OSError as error:
            raise ChannelClosed from error


def receive(
    fd: int,
    max_payload: int | None = None,
    deadline: float | None = None,
    watch: Callable[[], None] | None = None,
) -> tuple[Header, list[memoryview]]:
    """Read one frame; sizes are checked before anything is allocated.

    `watch` is called every 50 ms while nothing arrives; it may raise to end the wait.
    """
    frame = _Incoming(fd, deadline, watch)
    magic, header_size, payload_size = HEAD.unpack(frame.take(HEAD.size))
    if magic != MAGIC or header_size > MAX_HEADER:
        raise WireError("the reply does not begin with a frame of this protocol")
    if max_payload is not None and payload_size > max_payload:
        raise WireError(f"the reply announces {payload_size} bytes; at most {max_payload} fit")
    try:
        header = json.loads(bytes(frame.take(header_size)))
        sizes = [int(size) for size in header["buffers"]]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise WireError("the header of the reply is not the JSON object it must be") from error
    if min(sizes, default=0) < 0 or sum(sizes) != payload_size:
        raise WireError("the buffers of the reply do not add up to its payload")
    payload = frame.take(payload_size)
    if frame.left:
        raise WireError("more than one frame arrived")
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return header, [payload[end - size : end] for end, size in zip(ends, sizes, strict=True)]


class _Incoming:
    """Reads one frame; whatever has arrived with its head is taken in the same system call."""

    def __init__(self, fd: int, deadline: float | None, watch: Callable[[], None] | None) -> None:
        self._fd, self._deadline, self._watch = fd, deadline, watch
        self.left = memoryview(b"")

    def take(self, size: int) -> memoryview:
        """Return the next `size` bytes."""
        if size <= len(self.left):
            taken, self.left = self.left[:size], self.left[size:]
            return taken
        # Only the head is read ahead of; its room is small and does not depend on what it says.
        room = memoryview(bytearray(size if self.left else max(size, AHEAD)))
        have = len(self.left)
        room[:have] = self.left
        while have < size:
            have += self._read(room[have:])
        self.left = room[size:have]
        return room[:size]

    def _read(self, into: memoryview) -> int:
        if self._deadline is not None:
            _wait(self._fd, select.POLLIN, self._deadline, self._watch)
        try:
            count = os.readv(self._fd, [into])
        except OSError as error:
            raise ChannelClosed from error
        if count == 0:
            raise ChannelClosed
        return count


def _wait(fd: int, event: int, deadline: float | None, watch: Callable[[], None] | None) -> None:
    poll = select.poll()
    poll.register(fd, event)
    while True:
        left = 3600.0 if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise ChannelTimeout
        if poll.poll(min(left, 0.05 if watch else left) * 1000):
            return
        if watch is not None:
            watch()
