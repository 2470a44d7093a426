"""Each cheat that generated kernels are known for is found, as what it is.

Most are run by other tests; then it is checked here that these do run it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from properties.domain import Domain
from properties.expect import enclose
from properties.implementation import Implementation
from properties.runner import Runner
from tests.cheats import CHEATS, OWN, ROWS, RUNNER, Cheat
from tests.hostile import HOSTILE
from tests.killing import Recycling, gate, killed_by, subject_of
from tests.mutants import MUTANTS, SURVIVORS
from tests.test_fallback import FALL_BACK
from tests.test_runner_hostile import call, verdict

KILLED = {mutant.target: mutant for mutant in MUTANTS if mutant.name not in SURVIVORS}
JUDGED = {hostile.target: hostile for hostile in HOSTILE}
BY_PROPERTY = [c for c in CHEATS if c.target not in KILLED and c.by not in (RUNNER, OWN)]
UNSEEN = 977  # a seed of `call` that no other test has


def test_every_row_is_played() -> None:
    """No cheat of the list is without an implementation that plays it."""
    assert {cheat.row for cheat in CHEATS} == set(ROWS)


@pytest.mark.parametrize("cheat", [c for c in CHEATS if c not in BY_PROPERTY], ids=lambda c: c.name)
def test_what_others_run_is_run(cheat: Cheat) -> None:
    """A mutant is killed in test_mutants_die.py; the rest is judged call by call."""
    if cheat.target in KILLED:
        assert cheat.by in KILLED[cheat.target].killers
    elif cheat.by == OWN:
        assert cheat.name in FALL_BACK
        assert cheat.kind == "fallback"
    elif cheat.name != "searches_the_judge":
        assert JUDGED[cheat.target].kind == cheat.kind


@pytest.mark.parametrize("cheat", BY_PROPERTY, ids=lambda cheat: cheat.name)
def test_the_gate_finds_it(cheat: Cheat, spares: Recycling) -> None:
    """The property named for it finds it in the gate's own calls."""
    subject = subject_of(cheat.target, spares, Domain().within(dtype=("float32",)))
    violation = killed_by(subject, gate()[cheat.by])
    subject.runner.close()
    assert violation is not None
    assert violation.kind == cheat.kind


def test_the_judge_cannot_be_searched(spares: Recycling) -> None:
    """Expected values are nowhere before an answer; afterwards, they are where none may look.

    Where no one keeps a process from reading its like (without root or Yama), only the first holds.
    """
    target = Implementation("tests.hostile.cheats:searches_the_judge")
    row, case = target.arithmetic("float32"), call(2, UNSEEN)
    runner = Runner(target, spares)
    assert verdict(runner, case) == "value"
    kept = np.array(enclose(case, "output", row).mid)
    again = verdict(runner, case)
    runner.close()
    assert kept.any()
    yama = Path("/proc/sys/kernel/yama/ptrace_scope")
    kept_out = os.geteuid() == 0 or (yama.exists() and int(yama.read_text()) > 0)
    assert again == ("value" if kept_out else "")
