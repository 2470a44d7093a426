"""One exception class per kind of violation, and the wording of every message.

The class is a violation's identity: Hypothesis shrinks each class on its own and never slides from
one defect to another. The first line of a message is complete by itself, because that is all that
JUnit and a one-line summary show.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from properties.case import Case
from properties.last_words import last_words
from properties.steps import Step

if TYPE_CHECKING:
    from properties.errormap import ErrorMap

ORDER = ("outside", "implementation", "case", "oracle", "repeats", "reproduce")


class Violation(AssertionError):
    """The implementation broke a rule on one concrete call.

    `case` is the call; `facts` are the lines below the first one; `check` tells `replay` and the
    script what to do with the case: {"kind": "call"} unless a subclass's caller says otherwise.
    """

    kind: ClassVar[str] = "violation"
    record: dict[str, Any]  # its entry in report.json, once it is finished
    errors: ErrorMap | None = None  # where a result lies outside its enclosure
    # The calls of the example that showed it, and all that its process had made.
    example: tuple[Step, ...] = ()
    history: tuple[Step, ...] = ()

    def __init__(
        self,
        title: str,
        case: Case,
        facts: Mapping[str, str] | None = None,
        check: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(title)
        self.title, self.case = title, case
        self.facts = dict(facts or {})
        self.check = dict(check or {"kind": "call"})

    def __str__(self) -> str:
        lines = {"case": self.case.summary(), **self.facts}
        names = sorted(lines, key=lambda name: ORDER.index(name) if name in ORDER else 2)
        body = [f"  {name:<15} {_indent(lines[name])}" for name in names]
        return "\n".join([f"{type(self).__name__}: {self.title}", *body])


class ValueViolation(Violation):
    """An element lies outside its enclosure."""

    kind = "value"


class ClassViolation(Violation):
    """The result is that of a fast algorithm, which was not declared."""

    kind = "class"


class PoisonViolation(Violation):
    """An infinity or NaN is lost, has the wrong sign, or reaches what does not see it."""

    kind = "poison"


class PairViolation(Violation):
    """An infinity or NaN reaches results that see what lies beside it in memory."""

    kind = "pair"


class RelationViolation(Violation):
    """Two results that must agree differ by more than the sum of their radii."""

    kind = "relation"


class ShapeViolation(Violation):
    """The output or a gradient has the wrong shape."""

    kind = "shape"


class DtypeViolation(Violation):
    """The output or a gradient has the wrong dtype."""

    kind = "dtype"


class DeviceViolation(Violation):
    """The output or a gradient lies on the wrong device."""

    kind = "device"


class FormatViolation(Violation):
    """The output lies in memory in another format than torch documents."""

    kind = "format"


class TypeViolation(Violation):
    """What came back is not a plain strided torch.Tensor."""

    kind = "type"


class MutationViolation(Violation):
    """The call wrote to its inputs or next to them."""

    kind = "mutation"


class AliasViolation(Violation):
    """The output shares memory with an operand or with an earlier output."""

    kind = "alias"


class LateWriteViolation(Violation):
    """The output changed after the call had returned."""

    kind = "late-write"


class NondeterminismViolation(Violation):
    """The same call gave different bits."""

    kind = "nondeterminism"


class ErrorViolation(Violation):
    """A valid call raised an exception."""

    kind = "error"


class DeclinedViolation(Violation):
    """The implementation declined a call inside its declared domain."""

    kind = "declined"


class MemoryViolation(Violation):
    """The call needed more memory than the worker may use."""

    kind = "memory"


class ProcessesViolation(Violation):
    """The call started more processes than the worker may have."""

    kind = "processes"


class FallbackViolation(Violation):
    """An implementation that claims to be its own ran a convolution of torch's."""

    kind = "fallback"


class CrashViolation(Violation):
    """A signal ended the process."""

    kind = "crash"


class ExitViolation(Violation):
    """The implementation ended the process."""

    kind = "exit"


class HangViolation(Violation):
    """The call did not return in time."""

    kind = "hang"


class ReplyViolation(Violation):
    """The worker sent something that is not a reply, or closed its channel."""

    kind = "reply"


class DeviceLostViolation(Violation):
    """After the call the device no longer answers."""

    kind = "device-lost"


class AcceptedViolation(Violation):
    """An invalid call was answered."""

    kind = "accepted"


class RefusalViolation(Violation):
    """An invalid call was refused by an exception that is none of the documented ones."""

    kind = "refusal"


class TrainingViolation(Violation):
    """An iterate of gradient descent lies outside its enclosure."""

    kind = "training"


class InitialViolation(Violation):
    """A freshly built layer is not as documented."""

    kind = "initial"


def _indent(text: str) -> str:
    return text.replace("\n", "\n" + 18 * " ")


KINDS: dict[str, type[Violation]] = {cls.kind: cls for cls in Violation.__subclasses__()}


def died(case: Case, status: int, log: str) -> Violation:
    """Return the violation for a process that ended with this exit status during the call."""
    words = last_words(log)
    facts = {"worker said": words} if words else {}
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return CrashViolation(f"{name} ended the process during the call", case, facts)
    return ExitViolation(f"the process ended itself with exit status {status}", case, facts)


def hung(case: Case, limit: float, held: str, stacks: str) -> Violation:
    """Return the violation for a call without an end: the memory it held, and where it was."""
    facts = {"memory": held}
    if words := last_words(stacks):
        facts["worker said"] = words
    return HangViolation(f"the call did not return within {limit:.3g} s", case, facts)
