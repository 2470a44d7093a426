"""One part of a run that several machines share, with no coordinator between them.

What a shard does is a function of (seed, shard, version): of what is enumerated it takes every
N-th entry; of what is drawn, an N-th of the examples, from a seed of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """Number 1 to `total`; 1/1 is the whole run, from the seeds that it has without shards."""

    number: int = 1
    total: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read "2/3"; ValueError for anything else."""
        found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
        shard = cls(*map(int, found.groups())) if found else cls(1, 0)
        if shard.number > shard.total:
            raise ValueError(f"shard {text!r} is not of the form I/N with 1 <= I <= N")
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"

    @property
    def whole(self) -> bool:
        """Whether there are no others."""
        return self.total == 1

    def part(self, entries: Iterable[T]) -> Iterator[T]:
        """Yield the entries that are this shard's."""
        return islice(entries, self.number - 1, None, self.total)

    def examples(self, total: int) -> int:
        """Return how many of so many examples are this shard's."""
        return -(-total // self.total)

    def key(self, base: int) -> str:
        """Return what tells this shard's draws from others'; "" where there is nothing to tell."""
        return f":{base}" * (base != 0 or not self.whole) + f":{self}" * (not self.whole)
