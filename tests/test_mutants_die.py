"""Each mutant dies in the gate, by each of the properties that must kill it.

But for those of `SURVIVORS`. None is taken out or eased because it survives: see `python -m
tests.power`, which counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import pytest

from properties.domain import Domain
from properties.dtypes import REAL
from tests.killing import ACCIDENTS, Recycling, gate, killed_by, subject_of
from tests.mutants import MUTANTS, PROPERTIES, SURVIVORS, Mutant

# By module, so that a worker process serves several: importing torch costs more than the kill.
FAMILIES = [
    (family, tuple(mutants))
    for family, mutants in groupby(
        sorted(MUTANTS, key=lambda mutant: mutant.place), key=lambda mutant: mutant.family
    )
]


@pytest.fixture
def workers() -> Iterator[Recycling]:
    """Worker processes that go from one mutant to the next."""
    spares = Recycling()
    yield spares
    spares.close()


@pytest.mark.parametrize(("family", "mutants"), FAMILIES, ids=[name for name, _ in FAMILIES])
def test_every_killer_kills(family: str, mutants: tuple[Mutant, ...], workers: Recycling) -> None:
    """Each named property finds a violation in its gate cases, and not by a crash of torch.

    A survivor that is killed after all fails too: it belongs out of `SURVIVORS` then.
    """
    properties = gate()
    survivors = {}
    for mutant in mutants:
        # Some are written with operations that torch lacks for complex numbers or integers.
        subject = subject_of(mutant.target, workers, Domain().within(dtype=REAL))
        for name in mutant.killers:
            violation = killed_by(subject, properties[name])
            if violation is None or violation.kind in {*ACCIDENTS} - {mutant.fatal}:
                survivors[mutant.name] = (name, violation)
        workers.give(subject.runner)
    assert survivors.keys() == {mutant.name for mutant in mutants} & SURVIVORS.keys(), survivors


def test_survivors_are_mutants() -> None:
    """The table of survivors names mutants, and gives a reason for each."""
    assert SURVIVORS.keys() <= {mutant.name for mutant in MUTANTS}
    assert all(SURVIVORS.values())


def test_every_property_of_the_gate_must_kill() -> None:
    """The properties that mutants name are those of the gate, no more and no fewer."""
    assert set(gate()) == set(PROPERTIES)


def test_stock_torch_survives(workers: Recycling) -> None:
    """The harness that kills mutants finds nothing wrong with `F.conv2d` itself."""
    subject = subject_of("F.conv2d", workers)
    for name in ("test_value_lies_in_its_enclosure", "test_gradients_lie_in_their_enclosures"):
        assert killed_by(subject, gate()[name]) is None
    workers.give(subject.runner)
