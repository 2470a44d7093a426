"""Known defects of stock builds: each with its proof, its region, and what becomes of it.

A known defect never hides another one: inside its region every other kind of violation still
fails. Crashes and hangs are stepped round by construction (`Avoidance`), because each costs a
process; other kinds are run, counted and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from properties.case import Case
from properties.levels import levels


@dataclass(frozen=True)
class Avoidance:
    """The least change of a drawn call that leaves a region."""

    min_height: int = 1
    min_width: int = 1

    def joined(self, other: Avoidance) -> Avoidance:
        """Return what leaves both regions."""
        height = max(self.min_height, other.min_height)
        return Avoidance(height, max(self.min_width, other.min_width))


@dataclass(frozen=True)
class KnownDefect:
    """A defect of a stock build.

    region    a conjunction: the levels (`properties.levels`) that each named factor may have
    upstream  address of the report; empty where there is none yet
    affected  facts of the worker that must match, each a prefix ("torch": "2.13")
    kind      the violation's kind (`properties.violations`)
    shows_as  further kinds under which the same defect comes to light
    case      one explicit call that shows it
    avoid     how a generated call steps round the region; for crashes and hangs only
    """

    id: str
    summary: str
    upstream: str
    affected: Mapping[str, str]
    region: Mapping[str, tuple[str, ...]]
    kind: str
    case: Mapping[str, Any]
    avoid: Avoidance | None = None
    shows_as: tuple[str, ...] = ()

    def affects(self, facts: Mapping[str, Any]) -> bool:
        """Tell whether a worker with these facts is one of the affected builds."""
        return all(
            str(facts.get(name, "")).startswith(value) for name, value in self.affected.items()
        )

    def covers(self, case: Case) -> bool:
        """Tell whether the call lies in the region."""
        found = levels(case)
        return all(found[factor] in allowed for factor, allowed in self.region.items())

    def explains(self, calls: Iterable[Case], kind: str) -> bool:
        """Tell whether a violation of this kind, which these calls led to, is the known one."""
        return kind in (self.kind, *self.shows_as) and any(map(self.covers, calls))


_ACTIVE: ContextVar[Sequence[KnownDefect]] = ContextVar("conv2d_known_defects", default=())


@contextmanager
def activated(defects: Sequence[KnownDefect]) -> Iterator[None]:
    """Let strategies step round these defects inside the block."""
    token = _ACTIVE.set(defects)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def avoiding(assemble: Callable[[Avoidance], Case]) -> Case:
    """Return the assembled call, changed as little as leaves every active region."""
    avoid = Avoidance()
    case = assemble(avoid)
    for defect in _ACTIVE.get():
        if defect.avoid is not None and defect.covers(case):
            avoid = avoid.joined(defect.avoid)
            case = assemble(avoid)
    return case


def _ones(*shape: int, layout: str = "contiguous") -> dict[str, Any]:
    """Return a tensor of ones as a case.json has it."""
    ones = {"kind": "ones", "seed": 0, "exponent": 0}
    return {"shape": list(shape), "layout": layout, "values": ones}


STOCK: tuple[KnownDefect, ...] = (
    KnownDefect(
        id="pytorch-195394",
        summary="SIGSEGV in oneDNN's channels_last float32 convolution with bias, when every "
        "output column reads only padding and the dilation exceeds the width",
        upstream="https://github.com/pytorch/pytorch/issues/195394",
        affected={"torch": "2.13", "device_name": "cpu", "onednn": "3."},
        region={
            "dtype": ("float32",),
            "bias": ("yes",),
            "reads_as": ("channels_last",),
            "work": ("several images or groups, or large",),
            "groups": ("1", "2", "multiplier", "prime"),
            "rows": ("read the input",),
            "columns": ("read only padding",),
            "width_vs_dilation": ("narrower",),
            "stride_w": ("2 or more",),
            "several_columns": ("yes",),
        },
        kind="crash",
        case={
            "input": _ones(1, 8, 8, 1, layout="channels_last"),
            "weight": _ones(4, 2, 1, 1),
            "bias": _ones(4),
            "params": {
                "stride": [1, 2],
                "padding": [0, 1],
                "dilation": [3, 3],
                "groups": 4,
                "padding_mode": "zeros",
            },
            "dtype": "float32",
            "gradients": [],
        },
        avoid=Avoidance(min_width=3),
    ),
    KnownDefect(
        id="onednn-one-column",
        summary="wrong values and reads of unwritten memory in oneDNN's channels_last float32 "
        "convolution of one input channel, when the output is one column and only the columns "
        "are strided (AVX-512 kernels)",
        upstream="",
        affected={"torch": "2.13", "device_name": "cpu", "onednn": "3.", "cpu": "AVX512"},
        region={
            "dtype": ("float32",),
            "reads_as": ("channels_last",),
            "work": ("several images or groups, or large",),
            "in_channels": ("1",),
            "several_columns": ("no",),
            "several_rows": ("yes",),
            "kernel_w": ("2 or more",),
            "stride_h": ("1",),
            "stride_w": ("2 or more",),
            "dilation_w": ("1",),
        },
        kind="value",
        shows_as=("relation", "nondeterminism", "training"),
        case={
            "input": _ones(2, 1, 8, 5, layout="channels_last"),
            "weight": _ones(16, 1, 3, 3),
            "params": {
                "stride": [1, 4],
                "padding": [0, 0],
                "dilation": [1, 1],
                "groups": 1,
                "padding_mode": "zeros",
            },
            "dtype": "float32",
            "gradients": [],
        },
    ),
)


def stock_defects(facts: Mapping[str, Any]) -> tuple[KnownDefect, ...]:
    """Return the known defects of torch's own convolution that this build has."""
    return tuple(defect for defect in STOCK if defect.affects(facts))
