"""Implementations that attack the channel to the judge, or what a judge might be made of."""

from __future__ import annotations

import os
import sys
import threading
import time

import numpy as np
import torch

from tests.hostile.parts import HEAD, Tensor, frame, hostile, reply, spoiled, write_to_pipes


def _described(y: Tensor) -> dict[str, object]:
    dtype = str(y.dtype).removeprefix("torch.")
    return {"shape": list(y.shape), "dtype": dtype, "device": "cpu", "strides": [1]}


@hostile
def closes_descriptors(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Close every file of the process and return the right answer."""
    os.closerange(0, 4096)
    return y


@hostile
def closes_descriptors_and_hangs(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Close every file of the process and live on."""
    os.closerange(0, 4096)
    time.sleep(600)
    return y


@hostile
def writes_garbage(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Write text into its reply."""
    write_to_pipes(b"all tests passed, nothing to see here\n")
    return y


@hostile
def announces_too_much(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Announce a reply of an exbibyte."""
    write_to_pipes(HEAD.pack(b"c2d1", 2, 1 << 60))
    return y


@hostile
def announces_negative_sizes(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Announce buffers whose sizes add up, one of them negative."""
    write_to_pipes(frame('{"id": 2, "buffers": [16, -16]}'))
    return y


@hostile
def announces_infinite_size(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Announce a buffer of infinite size."""
    write_to_pipes(frame('{"id": 2, "buffers": [Infinity]}'))
    return y


@hostile
def nests_too_deeply(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Reply with a header that a recursive parser cannot read."""
    write_to_pipes(frame("[" * 50000))
    return y


@hostile
def answers_another_request(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Reply to a request that was not made."""
    write_to_pipes(reply(id=0))
    return y


@hostile
def replies_nothing(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Reply with a frame that says nothing."""
    write_to_pipes(reply())
    return y


@hostile
def replies_empty_error(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Reply with an error that has no text."""
    write_to_pipes(reply(error=""))
    return y


@hostile
def replies_wrong_types(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Reply with numbers where names belong."""
    returned = {"output": _described(y)}
    write_to_pipes(reply(returned=returned, changed=[], aliases=[7], seconds=0))
    return y


@hostile
def replies_endless_time(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Reply with a duration that no float holds."""
    write_to_pipes(reply(returned={"output": {}}, changed=[], aliases=[], seconds=10**400))
    return y


@hostile
def replies_without_data(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Reply with an output of the right form and no buffer."""
    returned = {"output": _described(y)}
    write_to_pipes(reply(returned=returned, changed=[], aliases=[], seconds=0))
    return y


@hostile
def forks_the_worker(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return in two processes, both of which reply."""
    os.fork()
    return y


@hostile
def floods_the_log(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Print eight megabytes, then return a wrong element."""
    for stream in (sys.stdout, sys.stderr):
        for _ in range(64):
            stream.write("everything is fine\n" * 3500)
    return spoiled(y)


@hostile
def patches_comparisons(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Make every comparison of torch and NumPy succeed, then return a wrong element."""

    def agree(*args: object, **kwargs: object) -> bool:
        return True

    for module, names in (
        (torch, ("allclose", "equal", "isclose", "eq")),
        (torch.testing, ("assert_close",)),
        (np, ("allclose", "array_equal", "isclose")),
        (np.testing, ("assert_allclose", "assert_array_equal", "assert_equal")),
        (torch.Tensor, ("__eq__", "__ne__", "allclose", "equal")),
    ):
        for name in names:
            setattr(module, name, agree)
    return spoiled(y)


@hostile
def forks_a_child(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Leave a child process behind, with the right answer."""
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
    return y


@hostile
def leaves_threads(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Leave threads behind, with the right answer."""
    for _ in range(4):
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    return y


@hostile
def changes_defaults(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Change torch's defaults and random state, with the right answer."""
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.manual_seed(0)
    return y


@hostile
def forgets_modules(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Delete its own and the worker's modules, with the right answer."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("tests", "properties"):
            del sys.modules[name]
    return y


@hostile
def closes_stdout(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Close its standard output and working directory, with the right answer."""
    sys.stdout.close()
    os.chdir("/")
    return y


@hostile
def lazy_negative(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return the right answer as a view that negates what lies in memory."""
    return torch._neg_view(-y)
