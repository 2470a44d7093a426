"""A backend's own list of known defects: a TOML file for `--conv2d-known`.

    [[defect]]
    id = "grouped-bias"
    summary = "the bias of every group but the first is lost"
    kind = "value"                                  # of the violation
    case = ".conv2d/cases/31b64624.json"            # as the gate wrote it
    region = { groups = ["2", "prime"], bias = ["yes"] }
    affected = { device_name = "My Accelerator" }   # facts of report.json, each a prefix; optional

The path of a case is relative to the file. Optional too: `upstream`, `shows_as` (further kinds),
`edits` (for invalid calls), and for crashes and hangs `avoid = { min_height = 2 }`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from properties.case import Case
from properties.known import Avoidance, KnownDefect
from properties.levels import levels
from properties.violations import KINDS


def load(path: Path) -> tuple[KnownDefect, ...]:
    """Read a list of known defects; ValueError says which entry is wrong, and why."""
    try:
        entries: Sequence[Mapping[str, Any]] = tomllib.loads(path.read_text())["defect"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: not a list of known defects: {error}") from error
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(_defect(entry, path.parent))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            name = entry.get("id", f"number {number}") if isinstance(entry, Mapping) else number
            raise ValueError(f"{path}, defect {name}: {type(error).__name__} {error}") from error
    if len({defect.id for defect in found}) < len(found):
        raise ValueError(f"{path}: two defects have one `id`")
    return tuple(found)


def _defect(entry: Mapping[str, Any], folder: Path) -> KnownDefect:
    fields = dict(entry)
    data = json.loads((folder / fields.pop("case")).read_text())["case"]
    region = {name: tuple(options) for name, options in fields.pop("region").items()}
    shows_as, edits = tuple(fields.pop("shows_as", ())), tuple(fields.pop("edits", ()))
    avoid = fields.pop("avoid", None)
    defect = KnownDefect(
        id=str(fields.pop("id")),
        summary=str(fields.pop("summary")),
        upstream=str(fields.pop("upstream", "")),
        affected=dict(fields.pop("affected", {})),
        region=region,
        kind=str(fields.pop("kind")),
        case=data,
        avoid=None if avoid is None else Avoidance(**avoid),
        shows_as=shows_as,
        edits=edits,
    )
    if fields:
        raise ValueError(f"`{next(iter(fields))}` is not a field")
    for kind in (defect.kind, *shows_as):
        if kind not in KINDS:
            raise ValueError(f"`kind`={kind!r} is not one of {', '.join(sorted(KINDS))}")
    case = Case.from_json(data)
    factors = levels(case)
    for name in region:
        if name not in factors:
            raise ValueError(f"`region` names {name!r}, not one of {', '.join(factors)}")
    if not defect.covers(case):
        outside = [f"{n}={factors[n]}" for n, some in region.items() if factors[n] not in some]
        raise ValueError(f"its case lies outside its region: {', '.join(outside)}")
    return defect
