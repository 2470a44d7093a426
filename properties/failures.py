"""How a call ended that raised: what the worker's reply says of the exception.

Runs in the worker process only, like `properties.execution`, and decides nothing.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

import torch

from properties.wire import Header

# What the driver, cuBLAS and cuDNN say; torch's own allocator has a class for it.
NO_MEMORY = ("out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED")


def described(
    error: BaseException, device: torch.device, synchronize: Callable[[], object]
) -> Header:
    """Return the reply for a call that raised; it tells whether the device still answers."""
    text = _text(error)
    if isinstance(error, NotImplementedError):
        return {"declined": text}
    memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if memory or "allocate memory" in text or starved(error, device):
        return {"memory": text}
    reply = {"error": text, "trace": traceback.format_exc(limit=-4)[-2000:]}
    try:
        synchronize()
        torch.ones(2, device=device).sum().item()
    except Exception as lost:
        found = "memory" if starved(lost, device) else "device_lost"
        return {found: f"{text}; then {type(lost).__name__}: {lost}"[:2000]}
    return reply


def starved(error: BaseException, device: torch.device) -> bool:
    """Tell whether an exception says that a device other than the CPU has no more memory."""
    if device.type == "cpu":
        return False
    text = _text(error)
    memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return memory or any(words in text for words in NO_MEMORY)


def _text(error: BaseException) -> str:
    """Return the class and the words of an exception, which may refuse to be printed."""
    return "".join(traceback.format_exception_only(error)).strip()[:2000]
