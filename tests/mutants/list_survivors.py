"""The mutants that their named property does not kill in the gate, and why."""

from __future__ import annotations

SURVIVORS: dict[str, str] = {}
