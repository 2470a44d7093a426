"""Copies of the tensors of a watched model, in the forms in which the judge holds them.

Runs beside the model, in its process.
"""

from __future__ import annotations

from typing import Any

import torch

from properties.dtypes import DTYPES, Exact
from properties.wire import Header

NAMES = {getattr(torch, name): name for name in DTYPES}


class Unjudged(Exception):
    """A call or a result cannot be judged; the message says why."""


def copied(value: Any) -> torch.Tensor:
    """Return a copy on the CPU with the same strides."""
    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided:
        raise Unjudged("not a strided tensor")
    if torch._C._functorch.is_functorch_wrapped_tensor(value):
        raise Unjudged("inside a transform of torch.func")
    if value.dtype not in NAMES or value.is_meta:
        raise Unjudged("no values of a dtype with an oracle")
    return value.detach().resolve_conj().resolve_neg().to("cpu", copy=True)


def exact(tensor: torch.Tensor) -> Exact:
    """Return the values as the judge holds them."""
    plain = tensor.detach().resolve_conj().resolve_neg().cpu()
    array: Exact = plain.to(torch.complex128 if plain.is_complex() else torch.float64).numpy()
    return array


def form(value: Any) -> Header:
    """Return what a worker tells of a result."""
    form: Header = {"type": type(value).__name__}
    if isinstance(value, torch.Tensor) and value.layout is torch.strided:
        dtype = str(value.dtype).removeprefix("torch.")
        form |= {"shape": list(value.shape), "dtype": dtype, "device": value.device.type}
    return form


def layout(tensor: torch.Tensor) -> str:
    """Return the name of the memory layout; any that has none counts as contiguous."""
    last = tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return "channels_last" if last and not tensor.is_contiguous() else "contiguous"
