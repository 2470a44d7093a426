"""What tests of several modules share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.killing import Recycling


@pytest.fixture(scope="session")
def spares() -> Iterator[Recycling]:
    """Return workers that go from one trusted implementation to the next, in all modules."""
    workers = Recycling()
    yield workers
    workers.close()
