r"""`torch.compile` of `F.conv2d`, by Inductor, for each shape anew. Needs a C++ compiler.

The compiler starts when this module is imported, for which a worker has minutes; after that a call
has what `--conv2d-call-seconds` says. (Compiled by the suite, in the mode `compile-inductor` of
F.conv2d or of any other implementation, it has a minute.) The command:

    pytest properties --conv2d-impl tests.outside.compiled:conv2d \
        --conv2d-seconds 120 --conv2d-call-seconds 60 \
        --conv2d-only "dtype=float32|float64 derivatives=first mode=eager"
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

Tensor = torch.Tensor
# Transforms around a compiled function, and modes of the call, are torch's own matter.
ONLY = ("dtype=float32|float64", "derivatives=first", "mode=eager")

_compiled = torch.compile(functional.conv2d, dynamic=False)


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *arguments: Any) -> Tensor:
    """Take the arguments of `F.conv2d`, by position."""
    torch._dynamo.reset()  # or the ninth shape would no longer be compiled
    y: Tensor = _compiled(x, weight, bias, *arguments)
    return y


conv2d(torch.ones(1, 1, 1, 1, requires_grad=True), torch.ones(1, 1, 1, 1)).sum().backward()
