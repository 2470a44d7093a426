"""The worker process: imports torch and the implementation, answers requests until told to stop.

Started by `properties.child` with a JSON configuration as its only argument. Everything that
could hurt the judge (crash, hang, patches, closed descriptors) happens here and ends here.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import json
import os
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
    from properties.facts import devices, prepare

    facts = prepare(config["device"])
    if config["probe"]:
        facts |= devices()
    executor = Executor(config["device"])
    _limit_memory(config)
    send(config["write"], pack({"hello": facts}))
    try:
        while True:
            _serve(config, executor)
    except ChannelClosed:
        pass
    except BaseException:
        traceback.print_exc()
        os._exit(71)
    os._exit(0)  # tearing torch down takes a second that nobody needs


def _serve(config: Header, executor: Any) -> None:
    request, buffers = receive(config["read"])
    try:
        reply, data = _answered(request, buffers, executor)
    except Exception as error:
        # Of operands, copies and what is read back: no call of the implementation.
        from properties.failures import starved

        if not starved(error, executor.device):
            raise
        reply, data = executor.describe(error), []
    send(config["write"], pack({**reply, "id": request["id"]}, data))
    if "device_lost" in reply:
        os._exit(70)  # the context is gone for good; a fresh process is the only cure


def _answered(
    request: Header, buffers: list[memoryview], executor: Any
) -> tuple[Header, list[bytes]]:
    kind = request["request"]
    data: list[bytes] = []
    if kind == "load":
        reply = executor.load(request["module"], request["name"])
        gc.freeze()  # a full collection over all of torch would take longer than many calls
    elif kind == "run":
        reply, data = executor.run(request, buffers)
    elif kind == "prepare":
        reply = executor.prepare(request)
    elif kind == "initial":
        from properties.fresh import initial

        reply, data = initial(executor, request)
    elif kind == "train":
        from properties.training import train

        reply, data = train(executor, request, buffers)
    elif kind == "large":
        from properties.large_call import large

        reply, data = large(executor, request)
    elif kind == "refuse":
        from properties.attempts import attempt

        reply = attempt(executor, request, buffers)
    else:
        reply = {"error": f"unknown request {kind!r}"}
    return reply, data


def _prepare(config: Header) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != config["parent"]:
        os._exit(1)  # the parent died before the line above took effect
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)  # by which the judge asks a call that hangs where it is
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
