"""Which devices a run verifies, which of them a worker takes, and how many workers fit."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from properties import child, devices, plugin
from properties.devices import (
    GIB,
    PROBE,
    ROOM,
    auto_workers,
    placed,
    resolve_devices,
    room,
    spread,
)
from properties.finish import case_data, described_run
from properties.implementation import Implementation
from properties.losses import CannotStart
from properties.summary import ran_on
from properties.violations import ValueViolation
from tests.plugin_targets import CASE, ROOT

THREE = ["cpu", "cuda:0", "cuda:1", "cuda:2"]


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [
        (None, ["cpu", "cuda:0", "cuda:1"]),
        (["all"], ["cpu", "cuda:0", "cuda:1", "xpu:0"]),
        (["cuda", "cpu", "cuda"], ["cuda", "cpu"]),
        (["cuda:1", "cpu", "cuda:1"], ["cuda:1", "cpu"]),
        (["xpu:0", "all"], ["xpu:0", "cpu", "cuda:0", "cuda:1"]),
        (["cpu", "cpu"], ["cpu"]),
    ],
)
def test_devices_are_resolved(asked: list[str] | None, resolved: list[str]) -> None:
    """Default is the CPU and every CUDA device; `all` is all there is; each is verified once.

    One without an index stands for all of its kind, and stays one target.
    """
    assert resolve_devices(asked, ["cpu", "cuda:0", "cuda:1", "xpu:0"]) == resolved


@pytest.mark.parametrize("name", ["cuda:2", "mps", "cuda:x", "cpu:1", ""])
def test_devices_that_are_absent_are_named(name: str) -> None:
    """No device is silently replaced by another one."""
    with pytest.raises(ValueError, match=r"is not there; present: cpu, cuda:0, cuda:1$") as caught:
        resolve_devices([name], ["cpu", "cuda:0", "cuda:1"])
    assert str(caught.value).startswith(f"device {name!r} ")


def test_workers_take_devices_in_turn() -> None:
    """By number, modulo how many there are; a worker in a lost one's place has a new number."""
    names = [placed("cuda", THREE, f"gw{number}") for number in range(8)]
    assert names == ["cuda:0", "cuda:1", "cuda:2"] * 2 + ["cuda:0", "cuda:1"]
    for name in ("cpu", "cuda:1"):
        assert {placed(name, THREE, f"gw{number}") for number in range(4)} == {name}
    assert placed("cuda", ["cpu", "cuda:0"], "gw5") == "cuda:0"


@pytest.mark.parametrize(
    ("own", "inside"),
    [
        (None, ["0", "1", "2"]),
        ("2,3", ["2", "3", "-1"]),
        ("GPU-8932f937, MIG-GPU-8932f937/1/2", ["GPU-8932f937", "MIG-GPU-8932f937/1/2", "-1"]),
        ("", ["-1", "-1", "-1"]),
        ("-1", ["-1", "-1", "-1"]),
        ("1,", ["1", "-1", "-1"]),
    ],
)
def test_a_child_sees_one_entry_of_the_callers_list(
    own: str | None, inside: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA_VISIBLE_DEVICES of a child is the caller's entry of that place, or none: never more."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if own is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", own)
    found = [child._inside(f"cuda:{place}") for place in range(3)]
    assert [environment["CUDA_VISIBLE_DEVICES"] for _, environment in found] == inside
    assert {device for device, _ in found} == {"cuda:0"}
    assert child._inside("cpu")[1].get("CUDA_VISIBLE_DEVICES") == own


def test_a_spread_target_keeps_its_name_and_tells_its_device() -> None:
    """Reports of all workers speak of one target; what a violation names is where it happened."""
    asked = Implementation("F.conv2d", "cuda:2", asked="cuda")
    assert (str(asked), asked.device) == ("F.conv2d on cuda", "cuda:2")
    found = [{"target": str(asked), "devices": [f"cuda:{number}"]} for number in (2, 0, 2)] + [
        {"target": "F.conv2d on cpu", "devices": ["cpu"]}
    ]
    assert ran_on(found) == ["F.conv2d on cuda ran on cuda:0 (1), cuda:2 (2)"]
    cards = {"cuda:0": {"device_name": "H100"}, "cuda:1": {"device_name": "T4"}}
    assert spread("cuda", cards) == {"devices": [*cards], "device_name": "H100 and T4"}
    assert spread("cuda:1", cards) == {}
    told = case_data(ValueViolation("y[0] = 1 is not 2", CASE), asked, {}, "test_a")
    assert told["device"] == "cuda:2"
    assert described_run(asked, {}, CASE).startswith("torch.nn.functional:conv2d on cuda:2, ")


@pytest.mark.parametrize(
    ("host", "free", "asked", "large", "number", "why"),
    [
        (128, {"cuda:0": 78}, ["cuda"], 0, 16, "16 cores"),
        (128, {"cuda:0": 15}, ["cuda"], 0, 5, "15 GiB free on cuda:0, 3 a worker"),
        (32, {"cuda:0": 78}, ["cuda"], 0, 5, "32 GiB free on the host, 6 a worker"),
        (128, {"cuda:0": 2}, ["cuda"], 0, 1, "2 GiB free on cuda:0, 3 a worker"),
        (128, {"cuda:0": 78}, ["cpu", "cuda:0"], 36, 14, "78 GiB free on cuda:0, 3 a worker"),
        # Spread over two: workers 0, 2, 4 and 1, 3; the sixth would be the third of cuda:1.
        (128, {"cuda:0": 9, "cuda:1": 8}, ["cuda"], 0, 5, "8 GiB free on cuda:1, 3 a worker"),
        # Both exactly: each worker is on both.
        (128, {"cuda:0": 9, "cuda:1": 8}, ["cuda:0", "cuda:1"], 0, 2, "8 GiB free on cuda:1"),
        (128, {"cuda:0": 9, "cuda:1": 8}, ["cuda:0"], 0, 3, "9 GiB free on cuda:0"),
        (128, {"cuda:0": 12}, ["cuda", "cuda:0"], 0, 2, "12 GiB free on cuda:0, 6 a worker"),
        (0, {"xpu:0": 0}, ["xpu"], 0, 16, "16 cores"),
    ],
)
def test_as_many_workers_as_there_is_room_for(
    host: int, free: Mapping[str, int], asked: list[str], large: int, number: int, why: str
) -> None:
    """Cores, the host's memory and that of each device limit the workers, the least of them."""
    free = {name: memory * GIB for name, memory in free.items()}
    found, reason = room(16, host * GIB, free, asked, 3, large * GIB)
    assert (found, reason.startswith(why)) == (number, True), reason


class Config:
    """As much of pytest's configuration as the number of workers needs."""

    def __init__(self, *devices: str, impl: tuple[str, ...] = (), large: float = 0.0) -> None:
        self.given = {"--conv2d-device": list(devices) or None, "--conv2d-impl": list(impl) or None}
        self.given["--conv2d-large"] = large  # type: ignore[assignment]
        self.stash, self.args = pytest.Stash(), [str(ROOT / "properties")]
        self.option = SimpleNamespace(help=False, version=False, pyargs=False)
        self.invocation_params = SimpleNamespace(dir=ROOT)
        self.ended: list[Any] = []

    def getoption(self, name: str) -> Any:
        """Return an option."""
        return self.given[name]

    def add_cleanup(self, function: Any) -> None:
        """Keep what is called in the end."""
        self.ended.append(function)


class Probe:
    """A child that tells of imitation devices; counts how often one was started."""

    started = 0
    facts: Mapping[str, Any] = {"devices": ["cpu"], "memory": 128 * GIB}

    def __init__(self, device: str, memory: int = 0, probe: bool = False) -> None:
        assert (device, probe) == ("cpu", True)
        self.device, self.memory = device, memory
        type(self).started += 1

    def greet(self) -> Mapping[str, Any]:
        """Tell what there is."""
        return self.facts


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> type[Probe]:
    """Return imitation probes in place of true ones, on a machine of many cores."""

    class Own(Probe):
        """Those of one test."""

    monkeypatch.setattr(devices, "Child", Own)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: range(16), raising=False)
    return Own


def gpus(**memory: int) -> dict[str, Any]:
    """Return the facts of a machine with CUDA devices of so many free GiB."""
    found = {
        f"cuda:{name[-1]}": {"device_name": "imitation", "memory": size * GIB}
        for name, size in memory.items()
    }
    return {"devices": ["cpu", *found], "memory": 128 * GIB, "accelerators": found}


def test_the_cpu_has_xdists_own_number(probe: type[Probe]) -> None:
    """On the CPU nothing is changed, and nobody is asked who need not be; the probe is kept."""
    config: Any = Config("cpu")
    assert (auto_workers(config, 7), probe.started) == (7, 0)
    config = Config()
    assert (auto_workers(config, 7), probe.started) == (7, 1)
    assert isinstance(config.stash[PROBE], probe)
    assert ROOM not in config.stash
    assert len(config.ended) == 1  # whatever becomes of the run, it is ended


def test_a_gpu_limits_the_workers(probe: type[Probe]) -> None:
    """The number is that of `room`, with one process for each implementation and a spare one."""
    probe.facts = gpus(cuda0=15)
    config: Any = Config()
    assert auto_workers(config, 64) == 5
    assert config.stash[ROOM] == "at most 5 workers: 15 GiB free on cuda:0, 3 a worker"
    assert auto_workers(Config("cuda", impl=("F.conv2d",)), 64) == 7  # type: ignore[arg-type]
    assert auto_workers(Config("cuda", large=2.0), 64) == 2  # type: ignore[arg-type]
    assert auto_workers(Config("cuda"), 4) == 4  # type: ignore[arg-type] # xdist's is less
    probe.facts = gpus(cuda0=78)
    assert auto_workers(Config("cuda"), 64) == 16  # type: ignore[arg-type] # of the affinity


@pytest.mark.parametrize("wrong", [("cuda:3",), ("mars",)])
def test_what_is_wrong_is_left_to_the_session(wrong: tuple[str, ...], probe: type[Probe]) -> None:
    """A device that is not there changes no number here: the session refuses it, exit status 4."""
    probe.facts = gpus(cuda0=15)
    assert auto_workers(Config(*wrong), 64) == 64  # type: ignore[arg-type]

    def fails(self: Probe) -> Mapping[str, Any]:
        raise CannotStart("cpu", "no torch")

    probe.greet = fails  # type: ignore[method-assign]
    config: Any = Config()
    assert auto_workers(config, 64) == 64
    assert PROBE not in config.stash


def _asked(config: Any, own: int) -> int:
    """Return what xdist gets if its own number is `own`."""
    hook: Generator[None, int, int] = plugin.pytest_xdist_auto_num_workers(config)
    next(hook)
    with pytest.raises(StopIteration) as ended:
        hook.send(own)
    number: int = ended.value.value
    return number


def test_the_environment_wins(probe: type[Probe], monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTEST_XDIST_AUTO_NUM_WORKERS, and a run of other tests, keep the number that they have."""
    probe.facts = gpus(cuda0=15)
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    config: Any = Config()
    assert _asked(config, 64) == 5
    config.args = [str(ROOT / "tests" / "test_wire.py")]
    assert _asked(config, 64) == 64
    config.args = [str(ROOT)]
    assert _asked(config, 64) == 5
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "9")
    assert _asked(config, 9) == 9


def test_the_hook_is_one_of_xdists() -> None:
    """pytest-xdist calls it by this name, and wraps its own answer in it."""
    hooks = importlib.import_module("xdist.newhooks")
    assert callable(hooks.pytest_xdist_auto_num_workers)
    marks: Any = vars(plugin.pytest_xdist_auto_num_workers)["pytest_impl"]
    assert marks["wrapper"]
    assert marks["optionalhook"]
