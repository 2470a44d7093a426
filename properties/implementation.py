"""`Implementation`: what is under test, where it runs, and the arithmetic that it declares."""

from __future__ import annotations

import re
from dataclasses import dataclass

import reference

ALIASES = {"nn.Conv2d": "torch.nn:Conv2d", "F.conv2d": "torch.nn.functional:conv2d"}
DEFAULTS = ("torch.nn:Conv2d", "torch.nn.functional:conv2d")
ARITHMETIC = {"float32": reference.FLOAT32, "float64": reference.FLOAT64}

_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")


@dataclass(frozen=True)
class Implementation:
    """`target` is "package.module:name" (or "nn.Conv2d", "F.conv2d"); `device` a torch device.

    The object is either a function with `torch.nn.functional.conv2d`'s signature, called with
    positional arguments, or a subclass of `torch.nn.Module` with `torch.nn.Conv2d`'s.
    """

    target: str
    device: str = "cpu"

    def __post_init__(self) -> None:
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

    def arithmetic(self, dtype: str) -> reference.Arithmetic:
        """Return the declared arithmetic for a dtype."""
        return ARITHMETIC[dtype]

    def __str__(self) -> str:
        return f"{self.short} on {self.device}"
