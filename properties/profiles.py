"""How much is searched, in which order and from which seed.

`conv2d-gate`, `-dev`, `-nightly`, `-hunt` and `-replay`.

The settings are applied to the properties of this package alone; those of other projects' tests
are never touched. They name every field that Hypothesis' own `ci` profile would otherwise set.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any
from zlib import crc32

from hypothesis import HealthCheck, Phase, seed, settings, target
from hypothesis.database import DirectoryBasedExampleDatabase

from properties.shards import Shard

DEFAULT = "conv2d-gate"
WHOLE = Shard()
# The broadest properties, which see most defects within few calls; the others follow by file.
BROADEST = (
    "test_every_pair_of_levels",
    "test_gradients_lie_in_their_enclosures",
    "test_value_lies_in_its_enclosure",
)


@dataclass(frozen=True)
class Profile:
    """`seed` None means: drawn anew for each run, and printed, whatever the CI service sets.

    Without `generates` nothing is run but what the database kept of earlier failures. `steers` lets
    Hypothesis move towards calls that use more of their bound. Where it does, what is drawn depends
    on the machine's own results: not for a gate.
    """

    name: str
    examples: int
    seed: int | None
    database: bool
    shrink_seconds: float
    seconds: float | None = None
    steers: bool = False
    generates: bool = True

    def settings(self, examples: int | None = None) -> settings:
        """Return Hypothesis' settings; nothing is inherited from the profile in force."""
        database = DirectoryBasedExampleDatabase(Path(".hypothesis", "examples"))
        return settings(
            max_examples=examples or self.examples,
            database=database if self.database else None,
            derandomize=False,
            deadline=None,
            print_blob=False,
            report_multiple_bugs=True,
            stateful_step_count=50,
            # Were this one suppressed too, implementations would share entries in the database, and
            # one that passes would delete what another failed on.
            suppress_health_check=[
                c for c in HealthCheck if c != HealthCheck.function_scoped_fixture
            ],
            phases=[
                *(Phase.explicit, Phase.reuse),
                *([Phase.generate] if self.generates else []),
                *([Phase.target] if self.steers else []),
                Phase.shrink,
            ],
        )


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("conv2d-gate", 300, 0, database=False, shrink_seconds=60.0),
        Profile("conv2d-dev", 50, None, database=True, shrink_seconds=60.0),
        Profile("conv2d-nightly", 20_000, None, database=True, shrink_seconds=300.0),
        Profile("conv2d-replay", 1, 0, database=True, shrink_seconds=60.0, generates=False),
        Profile(
            "conv2d-hunt",
            10**9,
            None,
            database=True,
            shrink_seconds=300.0,
            seconds=600.0,
            steers=True,
        ),
    )
}


def register() -> None:
    """Make the profiles known to Hypothesis, so that `--hypothesis-profile` accepts them."""
    for profile in PROFILES.values():
        settings.register_profile(profile.name, profile.settings())


def turn_of(name: str) -> int:
    """Return when a property's turn is; those of the same turn keep their order."""
    return BROADEST.index(name) if name in BROADEST else len(BROADEST)


def seed_of(name: str, base: int, shard: Shard = WHOLE) -> int:
    """Return the seed of one property: a function of its name, the run's seed and its shard."""
    return crc32(f"{name}{shard.key(base)}".encode())


def prepare(test: Any, profile: Profile, base: int, shard: Shard = WHOLE) -> None:
    """Give a property its settings and its seed, and put a search between it and Hypothesis.

    The search is that of the `Subject` which the property gets as `conv2d`. Does nothing the
    second time, since the items of all implementations share one function.
    """
    if hasattr(test, "conv2d_prepared"):
        return
    inner = test.hypothesis.inner_test

    @wraps(inner)
    def searched(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        drawn = {name: value for name, value in kwargs.items() if name != "conv2d"}
        subject = kwargs["conv2d"]
        subject.trial(drawn, lambda: inner(*args, **kwargs))
        if profile.steers:
            for what, share in subject.search.latest.items():
                target(share, label=what)

    test.hypothesis.inner_test = searched
    seed(seed_of(test.__name__, base, shard))(test)
    profile.settings(shard.examples(profile.examples))(
        test
    )  # after the seed, which switches the database off
    test.conv2d_prepared = True
