"""Which levels of factors go together: one table of named rules, each about a pair of factors.

Besides `properties.domain.FACTORS` it knows what a run fixes: the form ("function" or "module"),
the device ("cpu" or "cuda") and the target ("stock" or "own") of the implementation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from properties.domain import FACTORS, Domain
from properties.dtypes import INTEGER, REAL
from properties.layouts import LAYOUTS, OF_BATCHES

FIXED = {
    "form": ("function", "module"),
    "device": ("cpu", "cuda"),
    "target": ("stock", "own"),
}
COSTLY = ("compile", "compile-inductor")  # modes of which a few cases must do
ON_REQUEST = ("compile-inductor",)  # modes that are drawn only if the domain names them
OF_LAYERS = (
    "functional_call", "eval", "state_dict", "deepcopy", "pickle", "to-dtype", "to-memory_format",
    "lazy",
)  # fmt: skip
BACKWARD = FACTORS["passes"][1:]
BATCHED = tuple(batch for batch in FACTORS["batch"] if batch != "unbatched")


@dataclass(frozen=True)
class Rule:
    """Where `factor` has one of `levels`, `other` has one of `only`; `name` says why."""

    name: str
    factor: str
    levels: tuple[str, ...]
    other: str
    only: tuple[str, ...]

    def forbids(self, chosen: Mapping[str, str]) -> bool:
        """Tell whether these levels break the rule; a factor that is not named breaks none."""
        if chosen.get(self.factor) not in self.levels or self.other not in chosen:
            return False
        return chosen[self.other] not in self.only


RULES = (
    Rule("nothing is recorded for a gradient", "mode", ("no_grad", "inference_mode"),
         "passes", ("forward",)),
    Rule("a way to ask for gradients needs some", "mode",
         ("backward", "sum-backward", "retain-graph", "checkpoint"), "passes", BACKWARD),
    Rule("only a real sum has gradients by itself", "mode", ("sum-backward",), "dtype", REAL),
    Rule("autocast is to a type of 16 bits", "mode", ("autocast",),
         "dtype", ("float16", "bfloat16")),
    Rule("torch.vmap needs a batch", "mode", ("vmap-input", "vmap-all"), "batch", BATCHED),
    Rule("an output channel by itself has one group", "mode", ("vmap-weight",), "groups", ("1",)),
    Rule("a layer has its own weight", "mode", ("vmap-weight", "vmap-all"),
         "form", ("function",)),
    Rule("the sum over images of their gradients rounds once more", "mode", ("vmap-all",),
         "dtype", tuple(name for name in FACTORS["dtype"] if name not in ("float16", "bfloat16"))),
    Rule("a function has no state", "mode", OF_LAYERS, "form", ("module",)),
    Rule("a lazy layer is torch's own", "mode", ("lazy",), "target", ("stock",)),
    Rule("a memory format is that of the weight", "mode", ("to-memory_format",),
         "layout", ("channels_last",)),
    Rule("the gradients of these paddings refuse to be deterministic", "mode", ("deterministic",),
         "padding_mode", ("zeros", "circular")),
    Rule("whether torch asks oneDNN is torch's own", "mode", ("onednn-off",),
         "target", ("stock",)),
    Rule("of the CPU", "mode", ("onednn-off", "threads"), "device", ("cpu",)),
    Rule("of CUDA", "mode", ("benchmark", "stream"), "device", ("cuda",)),
    Rule("other derivatives are taken in the plain mode", "derivatives",
         FACTORS["derivatives"][1:], "mode", ("eager",)),
    Rule("per-sample gradients are those of the parameters", "derivatives", ("per-sample",),
         "passes", ("weight", "weight+bias")),
    Rule("per-sample gradients are of a batch", "derivatives", ("per-sample",), "batch", BATCHED),
    Rule("torch.func.grad is of real functions", "derivatives", ("per-sample",), "dtype", REAL),
    Rule("integers have no gradients", "dtype", INTEGER, "passes", ("forward",)),
    Rule("integers have no derivatives", "dtype", INTEGER, "derivatives", ("first",)),
    Rule("parameters are no integers", "dtype", INTEGER, "form", ("function",)),
    Rule("F.conv2d has no padding_mode", "form", ("function",), "padding_mode", ("zeros",)),
    Rule("padding='same' has no stride", "padding", ("same",), "stride", ("1",)),
    Rule("an image without a batch has no such layout", "batch", ("unbatched",),
         "layout", tuple(layout for layout in LAYOUTS if layout not in OF_BATCHES)),
)  # fmt: skip


def feasible(chosen: Mapping[str, str]) -> str | None:
    """Return the name of a rule that forbids these levels together, None if none does."""
    return next((rule.name for rule in RULES if rule.forbids(chosen)), None)


def left_by_mode(domain: Domain) -> Mapping[str, Domain]:
    """Return for each mode of a domain what it leaves of it; without modes that leave nothing."""
    return _left_by_mode(tuple(domain.levels.items()))


@lru_cache(maxsize=64)
def _left_by_mode(levels: tuple[tuple[str, tuple[str, ...]], ...]) -> Mapping[str, Domain]:
    found, domain = {}, Domain(dict(levels))
    for mode in domain.options("mode"):
        left = {**domain.levels, "mode": (mode,)}
        for rule in RULES:
            if rule.factor == "mode" and mode in rule.levels and rule.other in FACTORS:
                options = left.get(rule.other, FACTORS[rule.other])
                left[rule.other] = tuple(level for level in options if level in rule.only)
        if all(left.values()):
            found[mode] = Domain(left)
    return found
