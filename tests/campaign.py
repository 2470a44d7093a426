"""`python -m tests.campaign CASES [TARGET ...]`: many random cases, each judged on all it returns.

A third of the cases asks for outputs alone, a third for gradients, a third in any mode; with
`--gradients` all of them ask for every gradient there is, with `--derivative` for the other one;
`--only dtype=float16` narrows the domain, `--device cuda` goes elsewhere. Outside of the known
defects a violation is a false alarm or a find. Prints cases, rate, every violation, and the largest
share of the bound used per dtype and result. `tests.native:conv2d` is torch with oneDNN off.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from properties import known
from properties.case import Case
from properties.domain import FACTORS, Domain, activated
from properties.dtypes import FLOATING
from properties.planned import COSTLY
from properties.search import Search
from properties.spares import Spares
from properties.strategies import cases
from properties.violations import Violation
from tests.killing import subject_of

MODES = tuple(mode for mode in FACTORS["mode"] if mode not in COSTLY)
BATCH = 2000  # examples per Hypothesis run: its own memory grows with them


def main(arguments: Sequence[str]) -> int:
    """Run the campaign; the exit status is 1 if any case violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign")
    parser.add_argument("cases", type=int)
    parser.add_argument("targets", nargs="*", default=["F.conv2d"])
    parser.add_argument("--only", action="append", default=[], metavar="FACTOR=LEVEL")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--gradients", action="store_true", help="ask for all of them, always")
    parser.add_argument("--derivative", choices=("forward-mode", "second"), help="this one, always")
    parser.add_argument("--seed", type=int, default=0, help="other cases for every other seed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so many")
    options = parser.parse_args(arguments)
    spares = Spares()
    found = 0
    for target in options.targets:
        found += Campaign(target, options, spares).run()
    spares.close()
    return 1 if found else 0


class Campaign:
    """Judges `cases` different cases of one implementation."""

    def __init__(self, target: str, options: argparse.Namespace, spares: Spares) -> None:
        self.target, self.total, self.gradients = target, options.cases, options.gradients
        self.derivative = options.derivative
        self.seed, self.seconds = options.seed, options.seconds
        self.subject = subject_of(target, spares, Domain.parse(options.only), options.device)
        self.used: dict[str, float] = {}
        self.seen: set[str] = set()
        self.found = 0
        self.met: Counter[str] = Counter()

    def run(self) -> int:
        """Run to the end; return the number of violations."""
        began, round_ = time.monotonic(), 0
        while len(self.seen) < self.total and time.monotonic() < began + self.seconds:
            round_ += 1
            for strategy in self.strategies():
                with activated(self.subject.domain), known.activated(self.subject.defects):
                    seed(10_000 * self.seed + round_)(_settings()(given(strategy)(self.judge)))()
            rate = len(self.seen) / (time.monotonic() - began)
            print(
                f"{self.target}: {len(self.seen)} cases, {rate:.0f}/s, {self.found} violations",
                flush=True,
            )
        shares = ", ".join(f"{name} {share:.4f}" for name, share in sorted(self.used.items()))
        print(f"{self.target}: largest share of the bound used: {shares}")
        print(f"{self.target}: known defects met: {dict(self.met)}")
        self.subject.runner.close()
        return self.found

    def strategies(self) -> list[SearchStrategy[Case]]:
        """Return what is drawn from, in turn."""
        if self.derivative == "forward-mode":
            return [cases(passes=("forward",), derivative=self.derivative, dtype=FLOATING)]
        if self.derivative == "second":
            return [cases(passes=("input+weight",), bias=("no",), derivative=self.derivative)]
        if self.gradients:
            return [cases(passes=("input+weight", "input+weight+bias"))]
        return [cases(passes=("forward",)), cases(), cases(mode=MODES)]

    def judge(self, case: Case) -> None:
        """Judge one case, unless it was judged before."""
        if case.key in self.seen or len(self.seen) >= self.total:
            return
        self.seen.add(case.key)
        search = self.subject.search = Search()
        try:
            self.subject.trial({"case": case}, lambda: self.subject.check(case))
        except Violation as violation:
            self.found += 1
            print(violation, flush=True)
        self.met.update(search.known)
        for name, share in search.shares.items():
            self.used[name] = max(self.used.get(name, 0.0), share)


def _settings() -> settings:
    return settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
