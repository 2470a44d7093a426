"""`Observation`: what came back from a call, checked against what every convolution owes.

Nothing that a worker sends is trusted: a reply of another form than the protocol's is a
`ReplyViolation`, whatever is in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from properties import violations as v
from properties.case import Case
from properties.dtypes import DTYPES, Exact
from properties.wire import Header


@dataclass(frozen=True)
class Observation:
    """A well-formed result: the exact values of the output and of each gradient asked for."""

    case: Case
    arrays: Mapping[str, Exact]
    raw: Mapping[str, bytes]
    strides: Mapping[str, tuple[int, ...]]
    seconds: float

    @property
    def output(self) -> Exact:
        """The output's values, of shape `case.output_shape`."""
        return self.arrays["output"]


def expected_shapes(case: Case) -> dict[str, tuple[int, ...]]:
    """Return the shape of the output and of each derivative asked for."""
    shapes = {
        "output": case.output_shape,
        **{name: case.tensors[name].shape for name in case.gradients},
    }
    if case.derivative == "forward-mode":
        shapes["tangent"] = case.output_shape
    elif case.derivative == "per-sample":
        images = case.input.shape[0]
        shapes |= {f"sample_{n}": (images, *shapes.pop(n)) for n in case.gradients}
    elif case.derivative == "second":
        again = ("input", "weight", "grad_output")
        shapes |= {f"second_{name}": case.tensors[name].shape for name in again}
    return shapes


def described(name: str) -> str:
    """Return what a person calls a result."""
    if name in ("output", "tangent"):
        return f"the {name}"
    if name.startswith("sample_"):
        return f"the per-sample gradient of {name.removeprefix('sample_')}"
    first = name.removeprefix("second_")
    return f"the second gradient of {first}" if first != name else f"the gradient of {name}"


def payload_limit(case: Case) -> int:
    """Return the bytes that an honest reply can need."""
    sizes = (math.prod(shape) for shape in expected_shapes(case).values())
    return sum(sizes) * DTYPES[case.dtype].itemsize


def observe(case: Case, device: str, reply: Header, buffers: Sequence[memoryview]) -> Observation:
    """Turn a reply into an `Observation`, or raise the violation that it shows."""
    raise_reported(case, reply)
    try:
        returned = {str(name): dict(entry) for name, entry in reply["returned"].items()}
        changed = [plain(name) for name in reply["changed"]]
        aliases = [plain(name) for name in reply["aliases"]]
        seconds = float(reply["seconds"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise v.ReplyViolation("the worker's reply lacks what every reply has", case) from error
    if changed:
        title = f"the call wrote to its {' and '.join(changed)}, or next to it"
        raise v.MutationViolation(title, case)
    entries = {}
    for name, shape in expected_shapes(case).items():
        entries[name] = returned.get(name, {})
        require_form(case, name, entries[name], shape, device.partition(":")[0])
    if aliases:
        raise v.AliasViolation(f"the output shares memory with {' and '.join(aliases)}", case)
    if reply.get("own_late"):
        raise v.LateWriteViolation("the output changed after the call had returned", case)
    return _decode(case, entries, buffers, seconds)


def raise_reported(case: Case, reply: Header) -> None:
    """Raise the violation that the worker reports: an exception, no memory, a fallback, ..."""
    kinds: dict[str, tuple[type[v.Violation], str]] = {
        "device_lost": (v.DeviceLostViolation, "the device no longer answers after"),
        "declined": (v.DeclinedViolation, "the implementation declines a call of its domain:"),
        "memory": (v.MemoryViolation, "out of memory:"),
        "error": (v.ErrorViolation, "a valid call raised"),
    }
    for key, (cls, prefix) in kinds.items():
        if key in reply:
            text = plain(reply[key])
            facts = {"traceback": plain(reply["trace"])} if "trace" in reply else {}
            if case.mode != "eager" and key in ("declined", "error"):
                facts["not claimed?"] = f"--conv2d-only mode!={case.mode}"
            raise cls(f"{prefix} {text.partition(chr(10))[0]}", case, facts)
    if ran := reply.get("fallback"):
        names = ", ".join(map(plain, ran)) if isinstance(ran, list) else plain(ran)
        title = f"an implementation of its own ran {names}"
        raise v.FallbackViolation(title, case, {"declared": "no convolution of torch's runs"})


def plain(text: object) -> str:
    """Return text that every terminal and file can take; a worker may send lone surrogates."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def require_form(case: Case, name: str, entry: Header, shape: tuple[int, ...], device: str) -> None:
    """Require a result to be a plain tensor of this shape, on a device of this type."""
    what = described(name)
    if "shape" not in entry:
        kind = plain(entry.get("type", "missing"))
        title = f"{what} is a {kind}, not a plain strided torch.Tensor"
        raise v.TypeViolation(title, case)
    if entry.get("shape") != list(shape):
        got = tuple(entry["shape"]) if isinstance(entry["shape"], list) else entry["shape"]
        title = f"{what} has shape {plain(got)}; the definition gives {shape}"
        raise v.ShapeViolation(title, case)
    if entry.get("dtype") != case.dtype:
        title = f"{what} has dtype {plain(entry.get('dtype'))}; the operands have {case.dtype}"
        raise v.DtypeViolation(title, case)
    if entry.get("device") != device:
        title = f"{what} lies on {plain(entry.get('device'))}; the operands lie on {device}"
        raise v.DeviceViolation(title, case)


def _decode(
    case: Case, entries: Mapping[str, Header], buffers: Sequence[memoryview], seconds: float
) -> Observation:
    arrays: dict[str, Exact] = {}
    raw: dict[str, bytes] = {}
    strides: dict[str, tuple[int, ...]] = {}
    try:
        for name, shape in expected_shapes(case).items():
            data: Any = buffers[entries[name]["buffer"]]
            arrays[name] = DTYPES[case.dtype].from_stored(data).reshape(shape)
            raw[name] = bytes(data)
            strides[name] = tuple(int(s) for s in entries[name]["strides"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise v.ReplyViolation("the worker's buffers are not what its header says", case) from error
    return Observation(case, arrays, raw, strides, seconds)
