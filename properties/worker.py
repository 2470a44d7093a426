"""The worker process: imports torch and the implementation, answers requests until told to stop.

Started by `properties.child` with a JSON configuration as its only argument. Everything that
could hurt the judge (crash, hang, patches, closed descriptors) happens here and ends here.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import json
import os
import re
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from properties.wire import ChannelClosed, Header, pack, receive, send

PR_SET_PDEATHSIG = 1


def main(argument: str) -> None:
    """Prepare the process, say hello with the facts of the device, then serve requests."""
    config = json.loads(argument)
    _prepare(config)
    # Only now: the environment and the limits must be in force before torch is imported.
    from properties.execution import Executor

    facts = _facts(config["device"])
    if config["probe"]:
        facts["devices"] = _devices()
    executor = Executor(config["device"])
    _limit_memory(config)
    send(config["write"], pack({"hello": facts}))
    try:
        while _serve(config, executor):
            pass
    except ChannelClosed:
        pass
    except BaseException:
        traceback.print_exc()
        os._exit(71)
    os._exit(0)  # tearing torch down takes a second that nobody needs


def _serve(config: Header, executor: Any) -> bool:
    request, buffers = receive(config["read"])
    kind = request["request"]
    if kind == "exit":
        return False
    data: list[bytes] = []
    if kind == "load":
        reply = executor.load(request["module"], request["name"])
        gc.freeze()  # a full collection over all of torch would take longer than many calls
    elif kind == "run":
        reply, data = executor.run(request, buffers)
    elif kind == "train":
        from properties.training import train

        reply, data = train(executor, request, buffers)
    else:
        reply = {"error": f"unknown request {kind!r}"}
    send(config["write"], pack({**reply, "id": request["id"]}, data))
    if "device_lost" in reply:
        os._exit(70)  # the context is gone for good; a fresh process is the only cure
    return True


def _prepare(config: Header) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != config["parent"]:
        os._exit(1)  # the parent died before the line above took effect
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_memory(config: Header) -> None:
    """Limit what the implementation may allocate, on top of what torch has mapped already.

    On the CPU only: a CUDA context reserves more address space than any machine has memory.
    """
    if config["device"] != "cpu" or not config["memory"] or sys.platform != "linux":
        return
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = mapped + config["memory"]
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _facts(device: str) -> Header:
    """Set the flags that a verdict depends on, and return them as they read back."""
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    facts: Header = {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "onednn": _onednn_version() if torch.backends.mkldnn.is_available() else None,
        "device_name": "cpu",
    }
    if device.startswith("cuda"):
        facts |= _cuda_facts(device)
    elif device != "cpu":
        facts["device_name"] = device
    if device != "cpu":
        total = torch.ones(8, device=device).sum().item()
        if total != 8:
            raise RuntimeError(f"{device} answers, but sums eight ones to {total}")
    return facts


def _cuda_facts(device: str) -> Header:
    import torch

    cudnn: Any = torch.backends.cudnn
    cudnn.conv.fp32_precision = "ieee"
    cudnn.deterministic, cudnn.benchmark = True, False
    return {
        "device_name": torch.cuda.get_device_name(device),
        "cuda": torch.version.cuda,
        "cudnn": cudnn.version(),
        "cudnn.conv.fp32_precision": cudnn.conv.fp32_precision,
        "cudnn.deterministic": cudnn.deterministic,
        "cudnn.benchmark": cudnn.benchmark,
    }


def _devices() -> list[str]:
    """Return every device that computes, not only is said to be there."""
    import torch

    devices = ["cpu"]
    if torch.accelerator.is_available():
        kind = torch.accelerator.current_accelerator()
        count = torch.accelerator.device_count()
        for index in range(count):
            name = f"{kind.type if kind else 'cuda'}:{index}"
            with contextlib.suppress(Exception):
                if torch.ones(8, device=name).sum().item() == 8:
                    devices.append(name)
    return devices


def _onednn_version() -> str | None:
    import torch

    found = re.search(r"MKL-DNN v([\d.]+)", torch.__config__.show())
    return found.group(1) if found else "present"
