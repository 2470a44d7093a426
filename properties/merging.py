"""Several reports as one: what the shards of a run found together, and which of them is missing.

There is no coordinator: a shard is a function of (seed, shard, version), so the reports alone say
whether they belong together.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from properties.outcome import Outcome, Record, Results, Status, conclude, short_of_memory
from properties.report import shard_reason
from properties.shards import Shard

# What the shards of one run have in common.
SAME = ("schema", "version", "profile", "seed", "domain", "own")
MOST_SHARDS = 100_000
COUNTS = ("cases", "seconds", "fast", "unlikely")


def merge(reports: Sequence[Record]) -> Record:
    """Return the report of the whole run; ValueError for reports that are not of one run.

    A missing shard, and pairs of levels that no shard reached, leave it not verified.
    """
    for report in reports:
        told = sum("violation" in item for item in report["items"])
        if len(report["violations"]) != told or report["exit_status"] not in set(Status):
            raise ValueError("a report contradicts itself: it was cut, or changed")
    first = reports[0]
    for name in SAME:
        if len(values := {str(report.get(name)) for report in reports}) > 1:
            raise ValueError(f"not of one run: `{name}` is {' and '.join(sorted(values))}")
    shards, total = _shards(reports)
    missing = [f"{number}/{total}" for number in range(1, total + 1) if number not in shards]
    items = _merged(item for report in reports for item in report["items"])
    outcome = _outcome(items, reports, missing)
    environment = {name: facts for r in reports for name, facts in r["environment"].items()}
    partial = {reason for report in reports for reason in report["partial"]} - {
        shard_reason(f"{number}/{total}") for number in shards
    }
    return {
        **first,
        "ok": outcome.status == 0,
        "exit_status": int(outcome.status),
        "verdict": str(outcome.status),
        "reasons": outcome.reasons,
        "partial": sorted(partial),
        "shard": None,
        "started": min(report["started"] for report in reports),
        "seconds": round(sum(report["seconds"] for report in reports), 1),
        "environment": environment,
        "examples": sum(item["cases"] for item in items),
        "violations": [found for report in reports for found in report["violations"]],
        "items": items,
    }


def _shards(reports: Sequence[Record]) -> tuple[set[int], int]:
    """Return the shards that are there, and how many there are to be."""
    parts = [Shard.parse(report["shard"] or "1/1") for report in reports]
    totals = {part.total for part in parts}
    if len(totals) > 1:
        raise ValueError(f"not of one run: they are shards of {sorted(totals)}")
    if max(totals) > MOST_SHARDS:
        raise ValueError(f"{max(totals)} shards are more than {MOST_SHARDS}")
    numbers = [part.number for part in parts]
    for number in numbers:
        if numbers.count(number) > 1:
            raise ValueError(f"shard {number} is there {numbers.count(number)} times")
    return set(numbers), totals.pop()


def _merged(items: Iterable[Record]) -> list[Record]:
    groups: dict[tuple[str, str], list[Record]] = {}
    for item in items:
        groups.setdefault((item["property"], item["target"]), []).append(item)
    return [_joined(group) for group in groups.values()]


def _joined(group: Sequence[Record]) -> Record:
    """Return the record of one property of one implementation, from those of the shards.

    It is skipped, or says that it saw no case, only if it does so in every shard.
    """
    joined: Record = {}
    for item in group:
        joined |= item
    for name in ("skipped", "unverified"):
        if not all(name in item for item in group):
            joined.pop(name, None)
    failed = any(item["outcome"] == "failed" and "unverified" not in item for item in group)
    outcomes = [item["outcome"] for item in group]
    joined["outcome"] = "failed" if failed else "passed" if "passed" in outcomes else outcomes[0]
    for name in COUNTS:
        joined[name] = sum(item[name] for item in group)
    # These two came later than the schema.
    joined["inconclusive"] = sum(item.get("inconclusive", 0) for item in group)
    joined["devices"] = sorted({name for item in group for name in item.get("devices", ())})
    joined["used"] = max(item["used"] for item in group)
    joined["shares"] = _largest(item["shares"] for item in group)
    joined["histogram"] = stacked(item["histogram"] for item in group)
    joined["known"] = _summed(item["known"] for item in group)
    joined["defects"] = {name: state for item in group for name, state in item["defects"].items()}
    joined["notes"] = list(dict.fromkeys(note for item in group for note in item["notes"]))
    joined["digest"] = " ".join(item["digest"] for item in group)
    if any("coverage" in item for item in group):
        joined |= _covered([item["coverage"] for item in group if "coverage" in item])
    return joined


def _largest(tables: Iterable[dict[str, float]]) -> dict[str, float]:
    largest: dict[str, float] = {}
    for name, value in (entry for table in tables for entry in table.items()):
        largest[name] = max(largest.get(name, value), value)
    return largest


def _summed(tables: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for name, value in (entry for table in tables for entry in table.items()):
        total[name] = total.get(name, 0) + value
    return total


def stacked(tables: Iterable[dict[str, list[int]]]) -> dict[str, list[int]]:
    """Return the sum of histograms, by name and bin."""
    total: dict[str, list[int]] = {}
    for name, bins in (entry for table in tables for entry in table.items()):
        total[name] = [a + b for a, b in zip(total.get(name, [0] * len(bins)), bins, strict=True)]
    return total


def _covered(parts: Sequence[Record]) -> Record:
    """Return the coverage of several reports: a pair of levels is hit if one of them hit it."""
    if len({part["plan"] for part in parts}) > 1:
        raise ValueError("not of one run: they planned different pairs of levels")
    factors = parts[0]["factors"]
    planned = sum(some for _, some in factors.values())
    bits: npt.NDArray[np.bool_] | np.bool_ = np.False_
    for part in parts:
        packed = np.frombuffer(zlib.decompress(base64.b64decode(part["hit"])), np.uint8)
        if not 0 <= planned <= 8 * packed.size:
            raise ValueError("a report contradicts itself: not a bit for each pair of levels")
        bits = bits | np.unpackbits(packed, count=planned).astype(np.bool_)
    ends = np.cumsum([some for _, some in factors.values()])
    counts = [int(block.sum()) for block in np.split(bits, ends[:-1])]
    joined = {
        "plan": parts[0]["plan"],
        "hit": base64.b64encode(zlib.compress(np.packbits(bits).tobytes(), 9)).decode(),
        "factors": {n: [c, f[1]] for c, (n, f) in zip(counts, factors.items(), strict=True)},
    }
    return {"cells": [int(bits.sum()), planned], "coverage": joined}


def _outcome(items: Sequence[Record], reports: Sequence[Record], missing: Sequence[str]) -> Outcome:
    """Judge the whole: what only a whole run can lack, and what a shard ended with by itself."""
    for item in items:
        hit, planned = item["cells"]
        if hit < planned and "violation" not in item and not missing:
            item["unverified"] = f"{hit} of {planned} pairs of levels were hit"
        if reason := short_of_memory(item["cases"], item["inconclusive"]):
            item["unverified"] = reason
    ended = (Status.INTERRUPTED, Status.BROKEN, Status.USAGE)
    lost = [f"shard {r['shard']}: {r['verdict']}" for r in reports if r["exit_status"] in ended]
    beside = [
        f"shard {report['shard']}: {report['reasons']}"
        for report in reports
        if report["exit_status"] == Status.VIOLATED and not report["violations"]
    ]
    outcome = conclude(Status.VERIFIED, Results(items, lost, beside))
    if missing:
        reasons = [*outcome.reasons, *(f"shard {shard} is missing" for shard in missing)]
        return Outcome(outcome.status or Status.UNVERIFIED, reasons)
    return outcome
