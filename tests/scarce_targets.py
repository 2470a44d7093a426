"""Implementations that run out of device memory or lose their device, on the CPU, for want of one.

torch is imported on the first call only, so that a test may import this module for free.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from pathlib import Path
from typing import Any

_calls = itertools.count(1)


def _conv2d(*arguments: Any) -> Any:
    from torch.nn import functional

    return functional.conv2d(*arguments)


def _out_of_memory() -> None:
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def third_call_runs_out(*arguments: Any) -> Any:
    """Have no memory for the third call of a process, as if others had taken it."""
    if next(_calls) == 3:
        _out_of_memory()
    return _conv2d(*arguments)


def two_images_run_out(*arguments: Any) -> Any:
    """Never have memory for a batch of two or more."""
    if arguments[0].dim() == 4 and arguments[0].shape[0] > 1:
        _out_of_memory()
    return _conv2d(*arguments)


def second_call_loses_the_device(*arguments: Any) -> Any:
    """Fail at the second call of a process, and leave a device that answers nobody."""
    if next(_calls) == 2:
        import torch

        def ones(*size: Any, **options: Any) -> Any:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

        torch.ones = ones
        raise RuntimeError("CUDA error: unspecified launch failure")
    return _conv2d(*arguments)


def two_calls_run_out(*arguments: Any) -> Any:
    """Have no memory for the first two calls on the second device of `tests.imitation_gpus`.

    RUNS_OUT names a file that counts them, in whichever process they are.
    """
    if os.environ["CUDA_VISIBLE_DEVICES"] != "GPU-b":
        return _conv2d(*arguments)
    with Path(os.environ["RUNS_OUT"]).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        short = file.tell() < 2 and arguments[0].dim() == 4
        file.write(b"." * short)
    if short:
        _out_of_memory()
    return _conv2d(*arguments)
