"""Each mutant dies in the gate, by each of the properties that must kill it.

But for those of `SURVIVORS`. None is taken out or eased because it survives: see `python -m
tests.power`, which counts them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from properties.domain import Domain
from properties.dtypes import REAL
from properties.subject import Subject
from tests.cheats import CHEATS
from tests.killing import ACCIDENTS, Draws, Recycling, gate, killed_by, subject_of
from tests.mutants import MUTANTS, PROPERTIES, SURVIVORS, Mutant
from tests.sharing import Shared, Sharing

CHEATING = {(cheat.target, cheat.by): cheat.kind for cheat in CHEATS}


@pytest.fixture(scope="module")
def draws() -> Draws:
    """Return the examples that all mutants share."""
    return Draws()


@pytest.fixture(scope="module")
def sharing() -> Callable[..., Subject]:
    """Return what makes a subject that shares with others which results are right."""
    return partial(Sharing, Shared())


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.place)
def test_every_killer_kills(
    mutant: Mutant, spares: Recycling, draws: Draws, sharing: Callable[..., Subject]
) -> None:
    """Each named property finds a violation in its gate cases, and not by a crash of torch.

    A survivor that is killed after all fails too: it belongs out of `SURVIVORS` then.
    """
    properties, missed = gate(), {}
    # Some are written with operations that torch lacks for complex numbers or integers.
    subject = subject_of(mutant.target, spares, Domain().within(dtype=REAL), kind=sharing)
    for name in mutant.killers:
        violation = killed_by(subject, properties[name], draws)
        if violation is None or violation.kind in {*ACCIDENTS} - {mutant.fatal}:
            missed[name] = violation
        elif (mutant.target, name) in CHEATING:
            assert violation.kind == CHEATING[mutant.target, name]
    subject.runner.close()
    assert bool(missed) == (mutant.name in SURVIVORS), missed


def test_survivors_are_mutants() -> None:
    """The table of survivors names mutants, and gives a reason for each."""
    assert SURVIVORS.keys() <= {mutant.name for mutant in MUTANTS}
    assert all(SURVIVORS.values())


def test_every_property_of_the_gate_must_kill() -> None:
    """The properties that mutants name are those of the gate, no more and no fewer."""
    assert set(gate()) == set(PROPERTIES)


def test_stock_torch_survives(spares: Recycling, draws: Draws) -> None:
    """The harness that kills mutants finds nothing wrong with `F.conv2d` itself."""
    subject = subject_of("F.conv2d", spares)
    for name in ("test_value_lies_in_its_enclosure", "test_gradients_lie_in_their_enclosures"):
        assert killed_by(subject, gate()[name], draws) is None
    subject.runner.close()
