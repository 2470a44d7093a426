"""`Domain`: what an implementation claims to support. It constrains what is generated.

A domain is a set of constraints `factor=level|level|...` over the factors of `FACTORS`. The search
draws inside it and the report prints it first; a property that needs a call outside it is skipped
by name, never silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from properties.layouts import LAYOUTS

FACTORS: dict[str, tuple[str, ...]] = {
    "dtype": (
        "float32", "float64", "float16", "bfloat16", "complex64", "complex128", "int8", "uint8",
        "int16", "int32", "int64",
    ),
    "kernel": ("1x1", "square", "1xK", "Kx1", "rectangle"),
    "stride": ("1", "2", "1,2", "2,1", "3", "3,1", "4,3"),
    "padding": ("0", "1", "0,1", "1,0", "2", "3,1", "kernel", "valid", "same"),
    "padding_mode": ("zeros", "reflect", "replicate", "circular"),
    "dilation": ("1", "2", "1,2", "2,1", "3", "3,1"),
    "groups": ("1", "2", "depthwise", "multiplier", "prime"),
    "batch": ("1", "2", "0", "4", "5", "15", "16", "17", "unbatched"),
    "bias": ("no", "yes"),
    "layout": LAYOUTS,  # of every operand
    "passes": (
        "forward", "input", "weight", "input+weight", "bias", "input+bias", "weight+bias",
        "input+weight+bias",
    ),
    "derivatives": ("first", "forward-mode", "second", "per-sample"),
    # Another way of making the same call; see `properties.modes`.
    "mode": (
        "eager", "no_grad", "inference_mode", "backward", "sum-backward", "retain-graph",
        "checkpoint", "int-arguments", "threads", "deterministic", "onednn-off", "autocast",
        "benchmark", "stream", "vmap-input", "vmap-weight", "vmap-bias", "vmap-all",
        "functional_call", "eval", "state_dict", "deepcopy", "pickle", "to-dtype", "to-device",
        "to-memory_format", "lazy", "compile", "compile-inductor",
    ),
}  # fmt: skip
ABBREVIATIONS = {("passes", "backward"): FACTORS["passes"][1:]}


class OutOfDomain(BaseException):
    """A property needs calls that the implementation does not claim to support.

    A BaseException, because Hypothesis would report any Exception in a strategy as a failure.
    """


@dataclass(frozen=True)
class Domain:
    """For each constrained factor the levels that are supported; the others are free."""

    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, constraints: Iterable[str]) -> Domain:
        """Read constraints such as "dtype=float32" or "groups=1|depthwise", blank-separated too.

        "mode!=compile" stands for every other level.
        Raises ValueError that names an unknown factor or level.
        """
        levels: dict[str, tuple[str, ...]] = {}
        for text in (word for constraint in constraints for word in constraint.split()):
            factor, equals, names = text.partition("=")
            factor, but = factor.removesuffix("!"), factor.endswith("!")
            if not equals or factor not in FACTORS:
                raise ValueError(f"`{text}` is not FACTOR=LEVEL; factors: {', '.join(FACTORS)}")
            chosen: tuple[str, ...] = ()
            for name in names.split("|"):
                if name not in FACTORS[factor] and (factor, name) not in ABBREVIATIONS:
                    known = ", ".join(FACTORS[factor])
                    raise ValueError(f"`{factor}`={name!r} is not one of {known}")
                chosen += ABBREVIATIONS.get((factor, name), (name,))
            others = tuple(level for level in FACTORS[factor] if level not in chosen)
            levels[factor] = others if but else chosen
        return cls(levels)

    def within(self, **levels: Sequence[str]) -> Domain:
        """Return this domain narrowed further; raises OutOfDomain when nothing is left."""
        narrowed = dict(self.levels)
        for factor, wanted in levels.items():
            left = tuple(level for level in wanted if level in self.options(factor))
            if not left:
                claimed = "|".join(self.options(factor))
                raise OutOfDomain(f"needs {factor}={'|'.join(wanted)}, declared {factor}={claimed}")
            narrowed[factor] = left
        return Domain(narrowed)

    def options(self, factor: str) -> tuple[str, ...]:
        """Return the levels of a factor that are inside, plainest first."""
        return self.levels.get(factor, FACTORS[factor])

    def __str__(self) -> str:
        parts = (f"{factor}={'|'.join(levels)}" for factor, levels in self.levels.items())
        return " ".join(parts) or "everything that is generated"


def passes_of(gradients: Iterable[str]) -> str:
    """Return the level of `passes` that asks for these gradients."""
    return "+".join(gradients) or "forward"


def pair_of(level: str) -> tuple[int, int]:
    """Return the two numbers that a level of stride, padding or dilation such as "2,1" names."""
    first, _, second = level.partition(",")
    return int(first), int(second or first)


EVERYTHING = Domain()
_ACTIVE: ContextVar[Domain] = ContextVar("conv2d_domain", default=EVERYTHING)


def active() -> Domain:
    """Return the domain that strategies draw in now."""
    return _ACTIVE.get()


@contextmanager
def activated(domain: Domain) -> Iterator[None]:
    """Let strategies draw in `domain` inside the block."""
    token = _ACTIVE.set(domain)
    try:
        yield
    finally:
        _ACTIVE.reset(token)
