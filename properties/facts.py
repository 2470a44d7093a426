"""The device as the worker finds it: sets the flags that a verdict depends on, and reads them back.

Runs in the worker process, and beside a model that is watched.
"""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import Any

import torch

from properties.wire import Header

DRIVER = Path("/proc/driver/nvidia/version")


def prepare(device: str) -> Header:
    """Set the flags that a verdict depends on, and return them as they read back."""
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    facts = build()
    facts["memory"] = _free_memory()
    return facts | (opened(device) if is_registered(device) else {})


def is_registered(device: str) -> bool:
    """Tell whether torch knows such a device; a backend may register it when it is imported."""
    try:
        torch.device(device)
    except RuntimeError:
        return False
    return True


def opened(device: str) -> Header:
    """Open the device and have it compute; return what is to be known of it.

    Raises whatever a device that is not there raises.
    """
    facts: Header = {}
    if device.startswith("cuda"):
        facts |= _cuda_facts(device)
    elif device != "cpu":
        facts["device_name"] = device
    if device != "cpu":
        total = torch.ones(8, device=device).sum().item()
        if total != 8:
            raise RuntimeError(f"{device} answers, but sums eight ones to {total}")
    _warm_up()
    return facts | flags(device)


def _warm_up() -> None:
    """Go backward once: torch then imports hundreds of modules, which is no part of any call.

    Where the disk is slow or the machine busy it takes as long as a call that hangs. Autograd
    serves only the devices that are there when it first goes backward.
    """
    one = torch.ones((), requires_grad=True)
    torch.autograd.grad(one * one, [one])


def build() -> Header:
    """Return what torch was built as and runs on."""
    return {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "onednn": _onednn_version() if torch.backends.mkldnn.is_available() else None,
        "device_name": "cpu",
    }


def flags(device: str) -> Header:
    """Return what the arithmetic depends on, as it is now: importing something may change it."""
    if device.startswith("cuda"):
        cudnn: Any = torch.backends.cudnn
        return {
            "cudnn.conv.fp32_precision": cudnn.conv.fp32_precision,
            "cudnn.deterministic": cudnn.deterministic,
            "cudnn.benchmark": cudnn.benchmark,
        }
    if device != "cpu":
        return {}
    enabled = bool(torch._C._get_mkldnn_enabled()) and torch.backends.mkldnn.is_available()
    return {
        "onednn.enabled": enabled,
        "onednn.bfloat16": enabled and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()),
        "onednn.float16": enabled and bool(torch.ops.mkldnn._is_mkldnn_fp16_supported()),
    }


def _cuda_facts(device: str) -> Header:
    cudnn: Any = torch.backends.cudnn
    cudnn.conv.fp32_precision = "ieee"
    cudnn.deterministic, cudnn.benchmark = True, False
    return {
        "device_name": torch.cuda.get_device_name(device),
        "cuda": torch.version.cuda,
        "cudnn": cudnn.version(),
        "driver": driver(),
        "memory": torch.cuda.mem_get_info(device)[0],
    }


def driver(told: Path = DRIVER) -> str | None:
    """Return the version of NVIDIA's driver, or None where the kernel does not tell it."""
    try:
        found = re.search(r"Kernel Module\b.*?\s(\d+(?:\.\d+)+)\s", told.read_text())
    except OSError:
        return None
    return found.group(1) if found else None


def _free_memory() -> int:
    """Return the bytes that this machine's programs may still use; 0 where that is not told."""
    try:
        found = re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        return 0
    return int(found.group(1)) << 10 if found else 0


def synchronize(device: torch.device) -> None:
    """Wait until a device other than the CPU has done what was asked of it, on every stream.

    What registers a device of its own from Python cannot tell `torch.accelerator` how.
    """
    if device.type == torch._C._get_privateuse1_backend_name():
        torch.get_device_module(device).synchronize(device)
    else:
        torch.accelerator.synchronize(device)


def devices() -> Header:
    """Return every device that computes, not only is said to be there.

    Of those beside the CPU their own names and the bytes of memory that are free; 0 if not told.
    """
    found: dict[str, Header] = {}
    if torch.accelerator.is_available():
        kind = torch.accelerator.current_accelerator()
        count = torch.accelerator.device_count()
        for index in range(count):
            name = f"{kind.type if kind else 'cuda'}:{index}"
            with contextlib.suppress(Exception):
                if torch.ones(8, device=name).sum().item() == 8:
                    found[name] = _accelerator(name)
    return {"devices": ["cpu", *found], **({"accelerators": found} if found else {})}


def _accelerator(name: str) -> Header:
    if not name.startswith("cuda"):
        return {"device_name": name, "memory": 0}
    memory = torch.cuda.mem_get_info(name)[0]
    return {"device_name": torch.cuda.get_device_name(name), "memory": memory}


def _onednn_version() -> str | None:
    found = re.search(r"MKL-DNN v([\d.]+)", torch.__config__.show())
    return found.group(1) if found else "present"
