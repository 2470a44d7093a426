"""The enclosures of everything that a case asks for, from the oracle."""

from __future__ import annotations

import reference
from properties.case import Case
from properties.implementation import Implementation
from reference import Arithmetic, Enclosure, Modular


def expected(case: Case, implementation: Implementation) -> dict[str, Enclosure]:
    """Return the enclosure of the output and of each gradient asked for, by name."""
    return {
        name: enclose(case, name, implementation.arithmetic(case.dtype, name))
        for name in ("output", *case.gradients)
    }


def enclose(case: Case, name: str, arithmetic: Arithmetic | Modular) -> Enclosure:
    """Return the enclosure of the output or of one gradient."""
    x, w, g = (case.arrays.get(key) for key in ("input", "weight", "grad_output"))
    rest = {**case.arguments, "arithmetic": arithmetic}
    if name == "output":
        return reference.enclose_conv2d(x, w, case.arrays.get("bias"), **rest)
    if name == "input":
        return reference.enclose_conv2d_input(case.input.shape, w, g, **rest)
    if name == "weight":
        return reference.enclose_conv2d_weight(x, case.weight.shape, g, **rest)
    return reference.enclose_conv2d_bias(g, arithmetic=arithmetic)


def varying(case: Case, device: str) -> tuple[str, ...]:
    """Return the results whose bits torch leaves open from run to run.

    The backward pass of reflect and replicate padding adds atomically on CUDA, as documented at
    `torch.use_deterministic_algorithms`.
    """
    padding = case.params.padding_mode in ("reflect", "replicate")
    return ("input",) if padding and device.startswith("cuda") else ()
