"""The options that the plugin adds to pytest; all carry the prefix that no other project uses.

Loaded by every pytest run of the environment: it imports pytest only.
"""

from __future__ import annotations

import pytest


def add_to(parser: pytest.Parser) -> None:
    """Add all of them, in a group of their own."""
    group = parser.getgroup("conv2d-properties", "verification of 2-D convolutions")
    group.addoption(
        "--conv2d-impl",
        action="append",
        metavar="PKG.MOD:NAME",
        help="implementation under test, repeatable; a function with F.conv2d's signature or an "
        "nn.Module class with nn.Conv2d's (default: nn.Conv2d and F.conv2d)",
    )
    group.addoption(
        "--conv2d-device",
        action="append",
        metavar="DEVICE",
        help="cpu, cuda, cuda:1, ... or all; repeatable (default: cpu and every CUDA device)",
    )
    group.addoption(
        "--conv2d-only",
        action="append",
        metavar="FACTOR=LEVEL",
        help="what the implementation claims to support, e.g. 'dtype=float32 groups=1 "
        "passes=forward'; repeatable, levels are joined with |",
    )
    group.addoption(
        "--conv2d-arithmetic",
        metavar="FILE.toml",
        help="the arithmetic that the implementation declares, where it is not the strict one",
    )
    group.addoption(
        "--conv2d-own",
        action="store_true",
        help="the implementation claims to be its own: a convolution of torch's that runs in it is "
        "a violation",
    )
    group.addoption(
        "--conv2d-seconds",
        type=float,
        metavar="S",
        help="time budget of the whole run, shared by its items; each gets a second, but none "
        "begins when it is spent and a violation has been found",
    )
    group.addoption(
        "--conv2d-call-seconds",
        type=float,
        default=0.0,
        metavar="S",
        help="a call that takes longer hangs: for an implementation that compiles each shape "
        "(default: ten times the slowest call so far); never less than 2 on the CPU, 10 elsewhere",
    )
    group.addoption(
        "--conv2d-large",
        type=float,
        default=0.0,
        metavar="GIB",
        help="GiB of operands and output of the largest calls, which are judged at chosen elements;"
        " above 8 in float16 they have more than 2^31 (default: 1/128); a device needs twice that",
    )
    group.addoption(
        "--conv2d-known",
        metavar="FILE.toml",
        help="the known defects of the implementation, which then fail no run",
    )
    group.addoption(
        "--conv2d-strict-known",
        action="store_true",
        help="a known defect that is FIXED, or that no case met, fails the run",
    )
    group.addoption(
        "--conv2d-shard",
        default="1/1",
        metavar="I/N",
        help="run the I-th of N parts; `python -m properties merge` makes one report of them",
    )
    group.addoption(
        "--conv2d-record",
        action="store_true",
        help="write every call that is made to recorded/*.jsonl beside the report, for `replay`",
    )
    group.addoption(
        "--conv2d-report",
        metavar="PATH",
        help="where report.json goes (default: .conv2d/report.json)",
    )
