"""A plugin for pytest runs in a child: two CUDA devices that are the CPU, and tell of their starts.

`-p tests.imitation_gpus`. Each process that is started adds a line to the file that STARTS names:
what it is, and which CUDA_VISIBLE_DEVICES it would have had.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from properties import child
from properties.wire import Header

GIB = 1 << 30
FREE = {"cuda:0": 2 * GIB, "cuda:1": 2 * GIB}  # room for one worker of one implementation each

_inside = child._inside


def _on_the_cpu(device: str) -> tuple[str, dict[str, str]]:
    """Return where the child really is; told is where it would be."""
    environment = _inside(device)[1]
    with Path(os.environ["STARTS"]).open("a") as file:
        file.write(f"{device} sees {environment.get('CUDA_VISIBLE_DEVICES')}\n")
    return "cpu", environment


class Imitation(child.Child):
    """A child on a device that is not there."""

    def __init__(self, device: str = "cpu", memory: int = 8 << 30, probe: bool = False) -> None:
        super().__init__(device, memory, probe)
        self.probe = probe

    def greet(self) -> Header:
        """Tell of the devices too."""
        facts: Header = super().greet()
        if self.probe:
            cards = {
                name: {"device_name": "imitation", "memory": size} for name, size in FREE.items()
            }
            facts |= {"devices": ["cpu", *FREE], "accelerators": cards}
        return facts

    def ask(self, *request: Any) -> tuple[Header, list[memoryview]]:
        """Have results lie on the device."""
        reply, data = super().ask(*request)
        for entry in reply.get("returned", {}).values():
            entry["device"] = self.device.partition(":")[0]
        return reply, data


def pytest_xdist_auto_num_workers() -> int:
    """Have many cores, whatever the machine has."""
    return 16


os.sched_getaffinity = lambda process: {*range(16)}
child.Child = Imitation  # type: ignore[misc]
child._inside = _on_the_cpu
