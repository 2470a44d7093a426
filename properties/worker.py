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

from properties.fallback import convolutions
from properties.signals import dies_with_its_parent
from properties.wire import ChannelClosed, Header, pack, receive, send

PR_CAPBSET_DROP = 24
CAPABILITY_VERSION = 0x20080522
# CAP_SYS_CHROOT, CAP_SYS_PTRACE: no kernel needs them, and containers leave root one or the other.
GIVEN_UP = (18, 19)


def main(argument: str) -> None:
    """Prepare the process, say hello with the facts of the device, then serve requests."""
    config = json.loads(argument)
    _prepare(config)
    gc.disable()  # until torch is there: collections take their time and find nothing
    # Only now: the environment and the limits must be in force before torch is imported.
    from properties.execution import Executor
    from properties.facts import devices, prepare

    facts = prepare(config["device"])
    if config["probe"]:
        facts |= devices()
    gc.enable()
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
    if request.get("own"):
        import torch

        with convolutions(torch) as ran:
            reply, data = _answer(executor, request, buffers)
        reply["fallback"] = sorted(ran)
    else:
        reply, data = _answer(executor, request, buffers)
    send(config["write"], pack({**reply, "id": request["id"]}, data))
    if "device_lost" in reply:
        os._exit(70)  # the context is gone for good; a fresh process is the only cure


def _answer(
    executor: Any, request: Header, buffers: list[memoryview]
) -> tuple[Header, list[bytes]]:
    try:
        return _carry_out(executor, request, buffers)
    except Exception as error:
        # Of operands, copies and what is read back: no call of the implementation.
        from properties.failures import starved

        if not starved(error, executor.device):
            raise
        return executor.describe(error), []


def _carry_out(
    executor: Any, request: Header, buffers: list[memoryview]
) -> tuple[Header, list[bytes]]:
    kind = request["request"]
    data: list[bytes] = []
    if kind == "load":
        reply = executor.load(request["module"], request["name"])
        gc.freeze()  # a full collection over all of torch would take longer than many calls
    elif kind == "devices":
        from properties.facts import devices

        reply = devices()
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
        _keep_out_of_the_judge(ctypes.CDLL(None))
    dies_with_its_parent()
    if os.getppid() != config["parent"]:
        os._exit(1)  # the parent died before the line above took effect
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)  # by which the judge asks a call that hangs where it is
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Python ignores SIGXFSZ: what writes more gets EFBIG. A lower limit of the user's stays.
    limits = [config["file_size"], *resource.getrlimit(resource.RLIMIT_FSIZE)]
    least = min(limit for limit in limits if limit != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_FSIZE, (least, least))


def _keep_out_of_the_judge(libc: ctypes.CDLL) -> None:
    """Give up rights that the judge has, where it runs as root.

    Who has fewer may not read or write its memory, nor open its files. Other users are kept out by
    the system (kernel.yama.ptrace_scope of 1 and more), or they are not.
    """
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable; the upper halves follow
    if libc.capget(header, sets) != 0:
        return
    for capability in GIVEN_UP:
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # or a program started would have it again
        for part in range(3):
            sets[part] &= ~(1 << capability)
    libc.capset(header, sets)


def _limit_memory(config: Header) -> None:
    """Limit what the implementation may allocate, on top of what torch has mapped already.

    On the CPU only: a CUDA context reserves more address space than any machine has memory.
    """
    if config["device"] != "cpu" or not config["memory"] or sys.platform != "linux":
        return
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = mapped + config["memory"]
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
