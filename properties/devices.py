"""The devices of a run: which it verifies, which of them a worker takes, how many workers fit.

pytest-xdist asks for the number of workers before any plugin is configured. What answers it is the
probe that the session needs anyway; it waits in the stash for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from properties.child import LOAD_LIMIT, Child
from properties.implementation import DEFAULTS, Implementation
from properties.large import needed
from properties.losses import CannotStart
from properties.spares import Spares

PROBE = pytest.StashKey[Child]()  # has told what there is, before the session asks
ROOM = pytest.StashKey[str]()  # how many workers fit, and why not more

GIB = 1 << 30
# Memory that is counted for a process with a context, of its device and of the host: an estimate,
# not measured. A CUDA context takes several hundred MiB of a device, the gate's tensors a few, and
# the algorithms of cuDNN what workspace they find. 12 workers of two processes each are known to
# fit on an H100. What does not fit after all is tried again alone.
ON_DEVICE = 1 * GIB
ON_HOST = 2 * GIB  # the libraries of CUDA and cuDNN are resident; a worker on the CPU has 0.3 GiB
SPARE = 1  # processes of a worker beside one for each implementation


def resolve_devices(asked: list[str] | None, present: Sequence[str]) -> list[str]:
    """Return the devices to verify; ValueError names one that is asked for and not there.

    One without an index stands for all of its kind: each worker takes one of them (`placed`).
    """
    if asked is None:
        return [name for name in present if _kind(name) in ("cpu", "cuda")]
    devices: list[str] = []
    for name in asked:
        if name != "all" and name not in present and not peers(name, present):
            raise ValueError(f"device {name!r} is not there; present: {', '.join(present)}")
        devices += [d for d in (present if name == "all" else [name]) if d not in devices]
    return devices


def brought(named: Iterable[str], present: Sequence[str]) -> list[str]:
    """Return the devices that are there only once these implementations are imported.

    Raises `CannotStart` or `NotLoadable`.
    """
    targets = [target for target in map(Implementation, named) if not target.is_stock]
    if not targets:
        return []
    child = Child()
    try:
        for target in targets:
            child.load(target.module, target.name)
        reply, _ = child.ask({"request": "devices"}, (), 0, LOAD_LIMIT)
    finally:
        child.end()
    return [str(name) for name in reply["devices"] if name not in present]


def peers(name: str, present: Iterable[str]) -> list[str]:
    """Return the devices that a name without an index stands for, such as "cuda"."""
    return [other for other in present if other != name and _kind(other) == name]


def placed(name: str, present: Iterable[str], worker: str) -> str:
    """Return the device that a worker ("gw3") takes: of several, by its number, in turn.

    A worker that takes the place of a lost one has a new number.
    """
    several = peers(name, present)
    return several[int(worker.removeprefix("gw")) % len(several)] if several else name


def spread(name: str, accelerators: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the facts of all devices that a name stands for, in place of those of the first."""
    several = peers(name, accelerators)
    names = dict.fromkeys(str(accelerators[other]["device_name"]) for other in several)
    return {"devices": several, "device_name": " and ".join(names)} if several else {}


def _kind(name: str) -> str:
    return name.partition(":")[0]


def auto_workers(config: pytest.Config, own: int) -> int:
    """Return how many workers `-n auto` starts, given the number that pytest-xdist would.

    On the CPU that is the answer. A device and the host have room for so many processes only.
    """
    asked = config.getoption("--conv2d-device")
    if asked and {*asked} == {"cpu"}:
        return own
    try:
        probe = Child("cpu", probe=True)
        waiting = Spares()
        waiting.keep(probe)
        config.add_cleanup(waiting.close)
        facts = probe.greet()
        config.stash[PROBE] = probe
        devices = resolve_devices(asked, facts["devices"])
        if devices == ["cpu"]:
            return own
        named = config.getoption("--conv2d-impl") or DEFAULTS
        large = len(named) * needed(config.getoption("--conv2d-large"))
    except (CannotStart, ValueError):
        return own  # the session meets it again, and says so
    free = {name: found["memory"] for name, found in facts.get("accelerators", {}).items()}
    cores = min(own, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else own)
    number, reason = room(cores, facts["memory"], free, devices, len(named) + SPARE, large)
    config.stash[ROOM] = f"at most {number} workers: {reason}"
    return number


def room(
    cores: int,
    host: int,
    free: Mapping[str, int],
    devices: Sequence[str],
    processes: int,
    large: int = 0,
) -> tuple[int, str]:
    """Return how many workers fit, at least one, and what keeps it from being more.

    cores      that this run may use
    host       bytes of memory that the host has free; 0 if that is not known
    free       the same of each device; those of one kind are shared out in turn
    devices    what is verified, as `resolve_devices` returns it
    processes  of each worker on each device: one for each implementation, and spare ones
    large      bytes for large calls, which few workers make at a time
    """
    limits = [(cores, f"{cores} cores")]
    if host:
        each = processes * ON_HOST
        reason = f"{host / GIB:.3g} GiB free on the host, {each / GIB:g} a worker"
        limits.append(((host - large) // each, reason))
    for name, memory in free.items():
        exact, shared = name in devices, _kind(name) in devices
        if not memory or not (exact or shared):
            continue
        each = processes * ON_DEVICE * (exact + shared)
        fit = max(0, memory - large) // each
        if not exact:
            # The worker that is one too many is the first to come here when all are full.
            several = peers(_kind(name), free)
            fit = fit * len(several) + several.index(name)
        limits.append((fit, f"{memory / GIB:.3g} GiB free on {name}, {each / GIB:g} a worker"))
    number, reason = min(limits, key=lambda limit: limit[0])
    return max(1, number), reason + (f", {large / GIB:g} for large calls" if large else "")
