"""Require that an invalid call is refused: by a documented exception, and with no other effect."""

from __future__ import annotations

from collections.abc import Sequence

from properties import violations as v
from properties.dtypes import DTYPES
from properties.invalid import Invalid, check_of
from properties.layouts import in_memory
from properties.observation import plain, raise_reported
from properties.requests import describe, encode
from properties.subject import Subject
from properties.wire import Buffer, Header

# What torch 2.13 raises, and what an allocation raises that must fail. Their subclasses count:
# NotImplementedError, torch.OutOfMemoryError. Others are accidents (ZeroDivisionError, KeyError,
# IndexError) or vanish under `python -O` (AssertionError).
REFUSALS = ("RuntimeError", "ValueError", "TypeError", "MemoryError")


def require_refusals(subject: Subject, calls: Sequence[Invalid]) -> None:
    """Make invalid calls, then the valid one that all are made from; raise what is violated."""
    for invalid in calls:
        try:
            refuse(subject, invalid)
        except v.Violation as violation:
            violation.check = check_of([invalid])
            violation.facts["invalid by"] = str(invalid)
            raise
    try:
        subject.check(calls[0].case)
    except v.Violation as violation:
        violation.check = check_of(calls)
        violation.facts["after refusing"] = "\n".join(map(str, calls))
        raise


def refuse(subject: Subject, invalid: Invalid) -> str:
    """Make the invalid call; return the exception by which it was refused."""
    case = invalid.case
    request, buffers = encode_invalid(invalid)
    reply, _ = subject.runner.exchange(case, request, buffers, 0)
    raise_reported(case, reply)
    try:
        changed = [plain(name) for name in reply["changed"]]
        raised = [str(name) for name in reply.get("raised", ())]
        text = plain(reply["text"] if raised else reply["answered"])
    except (KeyError, TypeError) as error:
        raise v.ReplyViolation("the worker's reply lacks what every reply has", case) from error
    if changed:
        title = f"an invalid call wrote to its {' and '.join(changed)}, or next to it"
        raise v.MutationViolation(title, case)
    if not raised:
        raise v.AcceptedViolation(f"an invalid call was answered with {text}", case)
    if not any(f"builtins.{name}" in raised for name in REFUSALS):
        title = f"an invalid call ended with {text.partition(chr(10))[0]}"
        raise v.RefusalViolation(f"{title}; a refusal is one of {', '.join(REFUSALS)}", case)
    return text


def encode_invalid(invalid: Invalid) -> tuple[Header, list[Buffer]]:
    """Return the request to make an invalid call, and its operands as they lie in memory."""
    request, buffers = encode(invalid.case.forward())
    for place, spec in enumerate(request["tensors"]):
        if spec["name"] in invalid.ones:
            tensor, dtype = invalid.ones[spec["name"]]
            spec.update(describe(spec["name"], tensor, dtype))
            stored = DTYPES[dtype].to_stored(tensor.expand(DTYPES["float64"]))
            buffers[place] = in_memory(stored, tensor.layout)
    request |= {"request": "refuse", "params": invalid.arguments, "dtype": invalid.case.dtype}
    return request | {"devices": invalid.put("device"), "values": invalid.put("value")}, buffers
