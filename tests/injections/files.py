"""Files that were cut, changed by hand, or made to harm who reads them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any

from properties.__main__ import main
from tests.injections.scene import Ended, Scene
from tests.plugin_targets import CALL, CASE

CASE_FILE: dict[str, Any] = {
    "schema": 1,
    "implementation": "no_such_module:conv2d",  # nothing here may get so far as to call it
    "device": "cpu",
    "check": CALL,
    "case": CASE.to_json(),
}
ITEM: dict[str, Any] = {
    "property": "test_a",
    "target": "F.conv2d on cpu",
    "nodeid": "a",
    "outcome": "passed",
    "cases": 1,
    "seconds": 0.1,
    "used": 0.5,
    "fast": 0,
    "unlikely": 0,
    "digest": "d",
    "shares": {},
    "histogram": {},
    "known": {},
    "defects": {},
    "notes": [],
    "cells": [0, 0],
}
HOST = {"system": "", "processor": "", "cores": 1, "python": "", "packages": {}}
REPORT: dict[str, Any] = {
    "schema": 2,
    "version": "1",
    "ok": True,
    "exit_status": 0,
    "verdict": "verified",
    "reasons": [],
    "partial": [],
    "shard": None,
    "started": "",
    "seconds": 1.0,
    "seed": 0,
    "profile": "conv2d-gate",
    "domain": "all",
    "environment": {},
    "host": HOST,
    "examples": 1,
    "violations": [],
    "items": [ITEM],
}
DEEP = "[" * 100_000
READERS = (
    ("merge", "{}"),
    ("diff", "{}", "{other}"),
    ("diff", "{other}", "{}"),
    ("summary", "{}"),
    ("summary", "--markdown", "{}"),
    ("html", "{}"),
)


def called(*words: str) -> Ended:
    """Run a command in this process; its output must be what a terminal can show."""
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        status = main(list(words))
    stream.seek(0)
    return Ended(int(status), output=stream.read())


def replayed(content: str | bytes | None) -> Callable[[Scene], Ended]:
    """Replay a file of this content; None for a folder in its place."""

    def inject(scene: Scene) -> Ended:
        path = scene.directory / "case.json"
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return called("replay", str(path))

    return inject


def case(**changes: object) -> str:
    """Return a case.json with some fields changed."""
    return json.dumps({**CASE_FILE, **changes})


def input_of(**changes: object) -> str:
    """Return a case.json whose input is changed."""
    plain = CASE.to_json()
    return case(case={**plain, "input": {**plain["input"], **changes}})


def params_of(**changes: object) -> str:
    """Return a case.json whose parameters are changed."""
    plain = CASE.to_json()
    return case(case={**plain, "params": {**plain["params"], **changes}})


def read(content: str | bytes, *fine: str) -> Callable[[Scene], Ended]:
    """Have each command that reads reports read this one; return the status that is not 4.

    Those that are `fine` need nothing of what is wrong, and must not fail.
    """

    def inject(scene: Scene) -> Ended:
        path, other = scene.directory / "bad.json", scene.directory / "good.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        other.write_text(json.dumps(REPORT))
        for reader in READERS:
            words = [word.format(path, other=other) for word in reader]
            ended = called(*words)
            if ended.status != (0 if reader[0] in fine else 4):
                return Ended(-1, output=f"{reader}: {ended}")
        return Ended(4)

    return inject


def merged(content: str) -> Callable[[Scene], Ended]:
    """Merge one report."""

    def inject(scene: Scene) -> Ended:
        path = scene.directory / "bad.json"
        path.write_text(content)
        return called("merge", str(path))

    return inject


def report(**changes: object) -> str:
    """Return a report.json with some fields changed."""
    return json.dumps({**REPORT, **changes})


def item(**changes: object) -> str:
    """Return a report.json whose item is changed."""
    return report(items=[{**ITEM, **changes}])
