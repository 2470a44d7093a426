"""Freshly built layers: their form, and that their parameters are drawn as documented."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from properties.case import Case
from properties.dtypes import DTYPES, Exact
from properties.fan import attributes, bound
from properties.observation import raise_reported
from properties.requests import encode
from properties.subject import Subject
from properties.violations import InitialViolation, ReplyViolation
from reference import Arithmetic

ENOUGH = 16  # elements that are not all the same by chance, even with the 8 bits of bfloat16


def recheck_initial(subject: Subject, case: Case, check: Mapping[str, Any]) -> None:
    """Build the layer of a call after two seeds and once more after the first; check them all."""
    seed, row = int(check["seed"]), subject.implementation.arithmetic(case.dtype)
    assert isinstance(row, Arithmetic)
    request = {**encode(case)[0], "request": "initial", "seeds": [seed, seed + 1, seed]}
    size = sum(math.prod(case.tensors[n].shape) for n in ("weight", "bias") if n in case.tensors)
    limit = 3 * size * DTYPES[case.dtype].itemsize
    subject.search.calls.append(case)
    reply, data = subject.runner.exchange(case, request, (), limit)
    raise_reported(case, reply)
    try:
        layers = [dict(layer) for layer in reply["layers"]]
        device = subject.implementation.device
        drawn = [_parameters(case, device, layer, data, check) for layer in layers]
        first, other, again = drawn
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ReplyViolation("the worker's reply lacks what every reply has", case) from error
    for name, value in attributes(case).items():
        if layers[0].get(name) != value:
            _fail(f"the layer's {name} is {layers[0].get(name)}, not {value}", case, check)
    for name, values in first.items():
        _require_drawn(name, values, bound(case, row.output.u), case, check)
        if values.tobytes() != again[name].tobytes():
            _fail(f"the same seed gives another {name}", case, check)
        if values.size >= ENOUGH and values.tobytes() == other[name].tobytes():
            _fail(f"another seed gives the same {name}", case, check)


def _parameters(
    case: Case,
    device: str,
    layer: Mapping[str, Any],
    data: Sequence[memoryview],
    check: Mapping[str, Any],
) -> dict[str, Exact]:
    """Return the parameters of a layer by name, once their form is as it should be."""
    found = {}
    for name in ("weight", "bias"):
        entry, tensor = layer[name], case.tensors.get(name)
        if tensor is None and entry is None:
            continue
        if tensor is None or not isinstance(entry, dict):
            _fail(f"the layer's {name} is {_kind(entry)}", case, check)
        form: dict[str, Any] = {"shape": list(tensor.shape), "dtype": case.dtype}
        form |= {"device": device.partition(":")[0], "learns": True}
        for what, value in form.items():
            if entry[what] != value:
                _fail(f"the layer's {name} has {what} {entry[what]}, not {value}", case, check)
        found[name] = DTYPES[case.dtype].from_stored(data[entry["buffer"]]).reshape(tensor.shape)
    return found


def _kind(entry: Any) -> str:
    return "a tensor" if isinstance(entry, dict) else str(entry)


def _require_drawn(
    name: str, values: Exact, most: float, case: Case, check: Mapping[str, Any]
) -> None:
    largest = float(np.abs(values).max(initial=0.0))
    if not largest <= most:
        _fail(f"the layer's {name} holds {largest!r}, beyond {most!r}", case, check)
    if values.size >= ENOUGH and (values == values.flat[0]).all():
        _fail(f"the layer's {name} is constant", case, check)


def _fail(title: str, case: Case, check: Mapping[str, Any]) -> NoReturn:
    raise InitialViolation(title, case, check=check)
