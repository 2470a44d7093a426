"""Frames: what is sent arrives, and whatever else arrives is refused before it costs memory."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from properties.wire import (
    HEAD,
    MAGIC,
    MAX_HEADER,
    Buffer,
    ChannelClosed,
    ChannelTimeout,
    WireError,
    pack,
    receive,
    send,
)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Yield a pipe: (read end, write end); a test may close the write end itself."""
    read, write = os.pipe()
    yield read, write
    os.close(read)
    with contextlib.suppress(OSError):
        os.close(write)


def frame(header: object, payload: bytes = b"", announced: int | None = None) -> bytes:
    """Return a frame with any header, whose announced payload may be a lie."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(payload) if announced is None else announced
    return HEAD.pack(MAGIC, len(text), size) + text + payload


@pytest.mark.parametrize(
    "buffers",
    [[], [b""], [b"abc"], [b"", b"\x00\xff" * 7, bytearray(b"x"), memoryview(b"tail")]],
)
def test_a_frame_arrives_as_it_was_sent(pipe: tuple[int, int], buffers: list[Buffer]) -> None:
    """Header and buffers come back equal, in order, and leave nothing in the channel."""
    send(pipe[1], pack({"request": "run", "n": 3}, buffers))
    header, received = receive(pipe[0])
    send(pipe[1], pack({"next": True}))
    assert header == {"request": "run", "n": 3, "buffers": [len(b) for b in buffers]}
    assert [bytes(b) for b in received] == [bytes(b) for b in buffers]
    assert receive(pipe[0])[0] == {"next": True, "buffers": []}


def test_a_second_frame_is_refused(pipe: tuple[int, int]) -> None:
    """One frame goes each way: what follows on its heels is an error, not the next reply."""
    send(pipe[1], pack({"first": True}, [b"abc"]))
    send(pipe[1], pack({"second": True}))
    with pytest.raises(WireError, match="more than one frame"):
        receive(pipe[0])


def test_large_frames_pass_a_small_pipe(pipe: tuple[int, int]) -> None:
    """A frame larger than the pipe's buffer arrives, with a non-blocking writer too."""
    os.set_blocking(pipe[1], False)
    data, deadline = os.urandom(1 << 20), time.monotonic() + 30
    writer = threading.Thread(target=send, args=(pipe[1], pack({}, [data]), deadline))
    writer.start()
    _, received = receive(pipe[0], len(data), deadline)
    writer.join()
    assert bytes(received[0]) == data


@pytest.mark.parametrize("cut", [0, 1, HEAD.size - 1, HEAD.size, HEAD.size + 5, -1])
def test_a_truncated_frame_is_a_closed_channel(pipe: tuple[int, int], cut: int) -> None:
    """Where the other end stops in the middle of a frame, ChannelClosed is raised, not a hang."""
    whole = pack({"a": 1}, [b"payload"])
    send(pipe[1], whole[:cut])
    os.close(pipe[1])
    with pytest.raises(ChannelClosed):
        receive(pipe[0], deadline=time.monotonic() + 5)


@pytest.mark.parametrize(
    "head",
    [
        b"\x00" * HEAD.size,
        b"Traceback (most ",
        HEAD.pack(b"c2d0", 2, 0),
        HEAD.pack(MAGIC, MAX_HEADER + 1, 0),
    ],
)
def test_garbage_is_no_frame(pipe: tuple[int, int], head: bytes) -> None:
    """Another magic, or a header that no frame has, is refused after 16 bytes."""
    os.write(pipe[1], head)
    with pytest.raises(WireError, match=r"^the reply does not begin with a frame"):
        receive(pipe[0], deadline=time.monotonic() + 5)


def test_an_oversize_payload_costs_nothing(pipe: tuple[int, int]) -> None:
    """An announced size beyond the limit is refused before anything is allocated or read."""
    os.write(pipe[1], frame({"buffers": [1 << 40]}, announced=1 << 40))
    tracemalloc.start()
    with pytest.raises(
        WireError, match=r"^the reply announces 1099511627776 bytes; at most 8 fit$"
    ):
        receive(pipe[0], 8, time.monotonic() + 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize(
    "header",
    [b"", b"\xff\xfe", b"{", [], 3, None, {}, {"buffers": 4}, {"buffers": [None]}, b"[" * 100_000],
)
def test_a_header_must_be_the_json_object(pipe: tuple[int, int], header: object) -> None:
    """What is not JSON, nests too deep, or lacks the list of sizes is refused as such."""
    os.set_blocking(pipe[1], True)
    writer = threading.Thread(target=os.write, args=(pipe[1], frame(header)))
    writer.start()
    with pytest.raises(WireError, match=r"^the header of the reply is not the JSON object"):
        receive(pipe[0], 8, time.monotonic() + 5)
    writer.join()


@pytest.mark.parametrize("sizes", [[], [3], [5], [2, 3], [-1, 5], [1 << 70, 4 - (1 << 70)]])
def test_sizes_must_add_up(pipe: tuple[int, int], sizes: list[int]) -> None:
    """Sizes of buffers that do not make up the payload, or are negative, are refused."""
    os.write(pipe[1], frame({"buffers": sizes}, b"four"))
    with pytest.raises(WireError, match=r"^the buffers of the reply do not add up"):
        receive(pipe[0], 8, time.monotonic() + 5)


@pytest.mark.parametrize("part", [b"", pack({})[:7], pack({}, [b"four"])[:-1]])
def test_silence_is_a_timeout(pipe: tuple[int, int], part: bytes) -> None:
    """Whatever part of a frame has come, the deadline holds."""
    os.write(pipe[1], part)
    began = time.monotonic()
    with pytest.raises(ChannelTimeout):
        receive(pipe[0], deadline=began + 0.1)
    assert 0.1 <= time.monotonic() - began < 5.0


def test_a_reader_that_stalls_is_a_timeout(pipe: tuple[int, int]) -> None:
    """A full pipe that nobody reads ends a send at its deadline."""
    os.set_blocking(pipe[1], False)
    with pytest.raises(ChannelTimeout):
        send(pipe[1], bytes(1 << 22), time.monotonic() + 0.1)


def test_a_reader_that_is_gone_is_a_closed_channel() -> None:
    """Writing to a pipe without a reader raises ChannelClosed; no signal ends the process."""
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(ChannelClosed):
        send(write, pack({}))
    os.close(write)


def test_the_watch_may_end_the_wait(pipe: tuple[int, int]) -> None:
    """While nothing arrives `watch` is called, and what it raises ends the wait."""
    calls = 0

    def watch() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        receive(pipe[0], deadline=time.monotonic() + 30, watch=watch)
    assert calls == 2
