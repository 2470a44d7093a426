"""One item of a run: a property against a subject, from its search to the record of it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import (
    ReprEntryNative,
    ReprExceptionInfo,
    ReprFileLocation,
    ReprTraceback,
)

from properties import known
from properties.domain import OutOfDomain, activated
from properties.finish import finish, found_in
from properties.journal import Journal
from properties.losses import CannotStart, Inconclusive, NotLoadable
from properties.outcome import short_of_memory
from properties.search import BudgetSpent, Search, Unverified
from properties.subject import Subject
from properties.violations import Violation

if TYPE_CHECKING:
    from properties.session import Session

Record = dict[str, Any]


@contextlib.contextmanager
def running(session: Session, item: pytest.Function, subject: Subject) -> Iterator[None]:
    """Give the property its search, its domain and its known defects; leave a record of it.

    What leaves the property comes out as a finished violation, a skip that is announced, a failure
    that says what was not verified, or, if the suite itself is wrong, as it is.
    """
    session.began = session.began or time.monotonic()
    record: Record = {"property": item.originalname, "target": str(subject.implementation)}
    record["devices"] = [subject.implementation.device]
    journal = Journal(session.directory, session.run, subject, item.originalname)
    killed = subject.runner.doubts.killed
    search = subject.search = Search(
        deadline=session.deadline(),
        shrink_seconds=subject.shrink_seconds(session.profile),
        seen=journal.write,
        record=session.recorder(item.originalname, subject.implementation),
    )
    try:
        if session.violated and session.time_is_up():
            record["skipped"] = "the time was up, and a violation had been found"
            pytest.skip(record["skipped"])
        spent = contextlib.suppress(BudgetSpent)
        try:
            with spent, activated(subject.domain), known.activated(subject.defects):
                yield
        except Inconclusive:
            search.inconclusive += 1  # of a call that is no example
        if reason := short_of_memory(search.cases, search.inconclusive):
            raise Unverified(reason)
        searched = session.profile.generates and hasattr(item.obj, "hypothesis")
        if search.cases == 0 and searched:
            raise Unverified("the property saw no case")
    except KeyboardInterrupt:
        raise  # whatever has been found: who asks for an end gets one, and the journal stays
    except OutOfDomain as outside:
        search.cases = 0  # what was drawn was not run
        record["skipped"] = f"outside the domain: {outside}"
        pytest.skip(record["skipped"])
    except Unverified as unverified:
        record["unverified"] = str(unverified)
        message = f"{unverified}: nothing was verified" if not search.cases else str(unverified)
        raise pytest.fail.Exception(message, pytrace=False) from None
    except BaseException as error:
        if not search.remembered and not isinstance(error, Violation):
            _tell(error)
            raise
        session.violated = True
        violation = finish(error, subject, item.originalname, session.directory)
        record["violation"] = violation.record
        journal.close()
        raise violation.with_traceback(None) from None
    finally:
        session.items_left = max(1, session.items_left - 1)
        record |= search.counts()
        record |= _broken(session, subject.runner.doubts.killed - killed)
        item.user_properties.append(("conv2d", record))
        # By itself, too: what JUnit shows of a property.
        item.user_properties.append(("conv2d_used", round(search.used, 4)))


def _tell(error: BaseException) -> None:
    """Raise a sentence in place of the traceback of an error where no worker came up."""
    for lost in found_in(error, (CannotStart, NotLoadable)):
        raise pytest.fail.Exception(str(lost), pytrace=False) from None


def _broken(session: Session, killed: int) -> Record:
    """Return the field that tells what the suite itself has lost, if anything."""
    if killed:
        told = "SIGKILL ended a worker, and a fresh one answers the call"
        return {"broken": f"{told}; {killed} in all"}
    lost = session.recording.lost if session.recording is not None else ""
    return {"broken": lost} if lost else {}


def shown(item: pytest.Item, info: pytest.ExceptionInfo[BaseException]) -> Any:
    """Return what pytest shows of a violation: its text; None for any other failure.

    In the form that survives xdist and gives the one-line summary its line.
    """
    if not isinstance(info.value, Violation):
        return None
    entry = ReprEntryNative([f"{info.value}\n"])
    first = str(info.value).splitlines()[0]
    crash = ReprFileLocation(str(item.path), item.reportinfo()[1] or 0, first)
    return ReprExceptionInfo(ReprTraceback([entry], None, style="native"), crash)


class Attached(ReprExceptionInfo):
    """What JUnit prints of a violation: the terminal's text, then the case and the script."""

    def __init__(self, shown: ReprExceptionInfo, violation: Record) -> None:
        super().__init__(shown.reprtraceback, shown.reprcrash)
        self.violation = violation

    def __str__(self) -> str:
        files = json.dumps(self.violation["replay"], indent=1), self.violation["source"]
        places = self.violation["case"], self.violation["script"]
        parts = (f"\n{p}:\n\n{text}" for p, text in zip(places, files, strict=True))
        return "\n".join([super().__str__(), *parts])


def attach(report: pytest.TestReport) -> None:
    """Have JUnit find the case and the script in a failure, where the files may be gone later."""
    record: Record = dict(report.user_properties).get("conv2d", {})  # type: ignore[assignment]
    if "violation" in record and isinstance(report.longrepr, ReprExceptionInfo):
        report.longrepr = Attached(report.longrepr, record["violation"])
