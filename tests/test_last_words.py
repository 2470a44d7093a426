"""What is shown of what a worker wrote last: frames of the right thread, and nothing harmful."""

from __future__ import annotations

from pathlib import Path

import pytest

import properties
from properties.last_words import last_words

WORKER = f'  File "{Path(properties.__file__).parent}/execution.py", line 7 in call'
WAITING = 'Thread 0x00007f01 (most recent call first):\n  File "/lib/pool.py", line 1 in wait\n\n'
MAIN = f'0x00007f02 (most recent call first):\n  File "/k.py", line 5 in spin\n{WORKER}\n'
SPINS = 'File "/k.py", line 5 in spin'


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        ("", ""),
        ("one\ntwo", "two"),
        (f"Current thread {MAIN}", SPINS),
        (f"{WAITING}Current thread {MAIN}", SPINS),
        (f"{WAITING}Thread {MAIN}", SPINS),
        (f"Current thread {MAIN}\n{WAITING}", SPINS),
        (f"0x07 (most recent call first):\n  {SPINS}\n{WORKER}\n\nExtension modules: n", SPINS),
        (f"Current thread 0x07 (most recent call first):\n{WORKER}\n{WORKER}", WORKER.strip()),
        (f"Current thread 0x07:\n  {SPINS}\n  {SPINS}\n" * 3 + f"  {SPINS}\n" * 99, 3 * SPINS),
        ("File \x1b[2J\u202e", "File \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"),
        ("x" * 10**6, "x" * 240),
    ],
    ids=[
        *("nothing", "no stack", "one thread", "current comes last", "main comes last"),
        *("current comes first", "cut", "native", "deep", "control characters", "long"),
    ],
)
def test_what_is_shown(log: str, shown: str) -> None:
    """The implementation's frames in the thread that was asked; else the last line; printable."""
    assert last_words(log).replace("\n", "") == shown
