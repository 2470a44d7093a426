"""The table: what is injected, and the exit status and violations that must come of it."""

from __future__ import annotations

from signal import SIGINT, SIGKILL, SIGTERM

from tests.injections import files as f
from tests.injections import runs as r
from tests.injections import workers as w
from tests.injections.runs import BRIEF, HERE, SEEN, Run, kills, signals
from tests.injections.scene import Injection as I
from tests.plugin_targets import CASE

WAITS, WRONG = HERE + "waits", HERE + "wrong_once"
RELATION = ("relation",)
XDIST = ("-n", "1")
CRASHES = "tests.plugin_targets:crashes"
UNLOADABLE = "libtorch.so: cannot open shared object file"

TOLD_TO_END = (
    I("SIGTERM while a worker starts",
      Run(WAITS, signals(SIGTERM), "start-0", befalls="sleep"), 2),
    I("Ctrl-C twice in a call",
      Run(WAITS, signals(SIGINT, SIGINT, group=True), "call"), 2, says="interrupted"),
    I("SIGTERM twice after a violation",
      Run(WRONG, signals(SIGTERM, SIGTERM, group=True), "call"), 2, RELATION, "not shrunk"),
    I("SIGTERM twice under xdist",
      Run(WRONG, signals(SIGTERM, SIGTERM, group=True), "call", XDIST), 2, RELATION),
    I("SIGTERM of verify",
      r.verifying(signals(SIGTERM)), 2, says="(exit status 2)"),
    I("SIGTERM of replay", r.replaying, 2, says="interrupted"),
)  # fmt: skip
KILLED = (
    I("SIGKILL of the judge", Run(WRONG, signals(SIGKILL), "call"), -9, RELATION),
    I("SIGKILL of verify", r.verifying(signals(SIGKILL)), -9),
    I("SIGKILL of xdist's controller",
      Run(WAITS, signals(SIGKILL), "start-1", XDIST, "sleep", "1-9"), -9),
    I("SIGKILL of an xdist worker", Run(WAITS, kills("xdist"), "start-1", XDIST, "sleep", "1-9"), 3,
      says="ended without a result"),
    I("SIGKILL of one that saw a violation, the clock set back",
      Run(WRONG, r.clock_goes_back, "call", XDIST), 1, RELATION, "not shrunk"),
    I("SIGKILL of a worker that starts",
      Run(WAITS, kills("worker"), "start-0", befalls="sleep"), 4, says="no worker came up"),
    I("SIGKILL of a worker that imports",
      Run("tests.injections.waits_on_import:conv2d", kills("worker"), "call"), 4,
      says="the worker ended or hung"),
    I("SIGKILL of a worker in a call",
      Run(HERE + "waits_once", kills("worker"), "call", BRIEF), 3,
      says="SIGKILL ended a worker, and a fresh one answers the call"),
    I("SIGKILL of a worker, and no other comes up",
      Run(HERE + "waits_once", kills("worker"), "call", befalls="torch", starts="1-999"), 3,
      says=UNLOADABLE),
    I("SIGKILL of an idle worker", w.calls("prints_on_import", 2, w.kill), 1),
)  # fmt: skip
CANNOT_START = (
    I("torch cannot be imported", Run(WAITS, befalls="torch"), 4, says=UNLOADABLE),
    I("a crash, and no worker comes up again",
      Run(CRASHES, befalls="torch", starts="1-999"), 1, ("crash",), "not tried: no worker"),
    I("an import that hangs", w.hanging_import, 0, says="the worker ended or hung"),
    I("an import that prints megabytes", w.calls("prints_on_import", 1), 0),
)  # fmt: skip
CHANNEL = (
    I("MemoryError in the implementation", w.calls("no_memory", 1), 0, ("memory",)),
    I("half a reply", w.calls("half_a_reply", 1), 0, ("hang",)),
    I("a hang after each reply", w.calls("stops_after_its_reply", 2), 0, ("hang",)),
    I("a context lost at the third call", w.calls("loses_its_context", 3), 0, ("device-lost",)),
)
DISKS = (
    I("a full disk from the first call on, while recording",
      Run(HERE + "wrong_slowly", r.full_disk, "call", ("--conv2d-record",)), 1, ("value",),
      "calls could not be recorded"),
    I("a full disk at the end",
      Run(HERE + "wrong_slowly", r.full_disk, SEEN), 1, ("value",), "could not be written"),
    I("a report below a file", r.below_a_file, 4, says="ERROR: conv2d-properties: [Errno "),
    I("a report on a folder", r.on_a_folder, 4, says="not a file that a report may replace"),
    I("a report on a pipe", r.on_a_pipe, 4, says="not a file that a report may replace"),
    I("the folder of the report goes", r.in_a_folder_that_goes, 3, says="could not be written"),
    I("no place for the database", r.without_a_database, 0),
    I("two runs in one folder", r.two_at_once, 0),
    I("nobody reads stdout",
      Run("tests.plugin_targets:adds_one", stdout="closed"), 1, ("value",)),
)  # fmt: skip
CASES = tuple(
    I(f"case.json: {name}", f.replayed(content), 5, says="CANNOT RUN HERE")
    for name, content in {
        "empty": "",
        "cut": f.case()[:150],
        "no JSON": bytes(range(256)),
        "nested too deeply": f.DEEP,
        "a check nested too deeply": f.case(check=None).replace("null", "[" * 5000 + "]" * 5000),
        "2^40 images": f.input_of(shape=[1 << 40, 2, 5, 5]),
        "an extent of 4000 digits": f.input_of(shape=[10**4000, 2, 5, 5]),
        "an output of 2^60 elements": f.params_of(padding=[10**9, 10**9]),
        "an extent of NaN": f.input_of(shape=[float("nan"), 2, 5, 5]),
        "an infinite extent": f.input_of(shape=[float("inf"), 2, 5, 5]),
        "NaN among the values": f.input_of(shape=[1, 2, 1, 1], values=[float("nan"), 1]),
        "too few values": f.input_of(values=["0x1p0"]),
        "an exponent of 10^9": f.input_of(values={"kind": "ones", "seed": 0, "exponent": 10**9}),
        "a stride in words": f.params_of(stride=["one", "two"]),
        "no groups": f.params_of(groups=None),
        "an unknown schema": f.case(schema=99),
        "a lone surrogate": f.case(check={"kind": "\ud800"}),
        "a surrogate for a dtype": f.case(case={**CASE.to_json(), "dtype": "\ud800"}),
        "a path for an implementation": f.case(implementation="/etc/passwd"),
        "no implementation": f.case(implementation=None),
        "a check that is none": f.case(check="call"),
        "a report of numbers": '{"violations": [1]}',
        "a folder": None,
    }.items()
)
REPORTS = tuple(
    I(f"report.json: {name}", inject, 4)
    for name, inject in {
        "empty": f.read(""),
        "cut": f.read(f.report()[:300]),
        "no JSON": f.read(bytes(range(256))),
        "nested too deeply": f.read(f.DEEP),
        "a word": f.read('"items"'),
        "a list": f.read("[]"),
        "nothing but items": f.read('{"items": []}'),
        "no list of items": f.read(f.report(items=None)),
        "an empty item": f.read(f.report(items=[{}])),
        "counts in words": f.read(f.item(cases="many"), "diff"),
        "shard 0/0": f.read(f.report(shard="0/0"), "diff", "summary", "html"),
        "10^9 shards": f.read(f.report(shard="1/1000000000"), "diff", "summary", "html"),
        "violations of no item": f.merged(f.report(violations=[{}])),
        "an unheard-of status": f.read(f.report(exit_status="x"), "diff", "summary", "html"),
    }.items()
)
TABLE = (*TOLD_TO_END, *KILLED, *CANNOT_START, *CHANNEL, *DISKS, *CASES, *REPORTS)
