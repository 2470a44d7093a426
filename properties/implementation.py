"""`Implementation`: what is under test, where it runs, and the arithmetic that it declares."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from properties.domain import FACTORS, Domain
from properties.dtypes import FLOATING
from properties.feasibility import feasible
from properties.rows import Rows, builtin, parse
from reference import Arithmetic, Modular

ALIASES = {"nn.Conv2d": "torch.nn:Conv2d", "F.conv2d": "torch.nn.functional:conv2d"}
ON_REQUEST = ("compile-inductor",)  # modes that are drawn only if the domain names them
DEFAULTS = ("torch.nn:Conv2d", "torch.nn.functional:conv2d")

_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")


@dataclass(frozen=True)
class Implementation:
    """`target` is "package.module:name" (or "nn.Conv2d", "F.conv2d"); `device` a torch device.

    The object is either a function with `torch.nn.functional.conv2d`'s signature, called with
    positional arguments, or a subclass of `torch.nn.Module` with `torch.nn.Conv2d`'s. Of torch's
    own on the CPU the output `keeps_format`: others may return it in any strides. One that is its
    `own` claims to run no convolution of torch's. `asked` is the name by which a run asked for the
    device, where that is another: "cuda" for "cuda:3". A call that takes more than
    `call_seconds` hangs; 0 stands for ten times the slowest so far.
    """

    target: str
    device: str = "cpu"
    rows: Rows = field(default_factory=Rows, compare=False)
    keeps_format: bool = field(default=False, compare=False)
    own: bool = False
    asked: str = field(default="", compare=False)
    call_seconds: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.call_seconds < math.inf:
            raise ValueError(f"`call_seconds`={self.call_seconds} is not a number of seconds")
        target = ALIASES.get(self.target, self.target)
        if not _TARGET.match(target):
            raise ValueError(f"`target`={self.target!r} is not of the form PACKAGE.MODULE:NAME")
        object.__setattr__(self, "target", target)

    @property
    def module(self) -> str:
        """The module to import."""
        return self.target.partition(":")[0]

    @property
    def name(self) -> str:
        """The attribute of that module."""
        return self.target.partition(":")[2]

    @property
    def is_stock(self) -> bool:
        """Tell whether this is torch's own convolution."""
        return self.target in DEFAULTS

    @property
    def short(self) -> str:
        """The name that a person would use."""
        shorter = {long: short for short, long in ALIASES.items()}
        return shorter.get(self.target, self.target)

    def arithmetic(
        self, dtype: str, result: str = "output", mode: str = "eager"
    ) -> Arithmetic | Modular:
        """Return the declared arithmetic of one result: the output, or a gradient by its name."""
        return self.rows.of(dtype, result, mode)

    def on(self, facts: Mapping[str, Any]) -> Implementation:
        """Return torch's own with the claims that hold on the device that `facts` describe.

        Others are returned as they are, and so is what has declared rows already.
        """
        if not self.is_stock or self.rows.declared:
            return self
        rows = builtin(self.device, facts)
        return replace(self, rows=rows, keeps_format=self.device == "cpu")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Implementation:
        """Read it from a `case.json`; raises LookupError, TypeError or ValueError."""
        rows = parse(data["arithmetic"]) if "arithmetic" in data else Rows()
        target = cls(str(data["implementation"]), str(data["device"]), rows)
        seconds = float(data.get("call_seconds", 0.0))
        return replace(target, own=bool(data.get("own")), call_seconds=seconds)

    def to_json(self) -> dict[str, Any]:
        """Return what a `case.json` says of it."""
        data: dict[str, Any] = {"implementation": self.target, "device": self.device}
        data |= {"own": True} if self.own else {}
        data |= {"call_seconds": self.call_seconds} if self.call_seconds else {}
        return data | ({"arithmetic": self.rows.written} if self.rows.written is not None else {})

    def __str__(self) -> str:
        return f"{self.short} on {self.asked or self.device}"


def inherent(domain: Domain, target: Implementation, form: str) -> Domain:
    """Return the domain without what an implementation of this form cannot have."""
    if form == "function":
        domain = domain.within(padding_mode=("zeros",))  # no argument of F.conv2d
    if form == "module" or (target.is_stock and target.device != "cpu"):
        # Parameters are floating or complex; so are all of torch's kernels for CUDA.
        domain = domain.within(dtype=FLOATING)
    kind = target.device.partition(":")[0]
    fixed = {
        "form": form,
        "device": kind if kind in ("cpu", "cuda") else "other",
        "target": "stock" if target.is_stock else "own",
    }
    # What needs a C++ compiler is for those who ask for it.
    wanted = domain.levels.get("mode", tuple(m for m in FACTORS["mode"] if m not in ON_REQUEST))
    left = tuple(mode for mode in wanted if not feasible({"mode": mode, **fixed}))
    return Domain({**domain.levels, "mode": left})
