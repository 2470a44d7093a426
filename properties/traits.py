"""The traits of an arithmetic: which probe measures one, how it reads, what a declared row allows.

A trait's value is a text. Of the values in several settings the loosest counts: the one of the
highest rank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from properties import planes, probes
from properties.dots import Dot, Setting
from reference import Arithmetic, Format

# A single image, a batch that fills every vector and block, the other layout, and the matrix
# product that a 1x1 kernel is.
SETTINGS = (
    Setting(3, 1, 64),
    Setting(3, 16, 64),
    Setting(3, 16, 64, "channels_last"),
    Setting(1, 16, 64),
)
# Fast algorithms are chosen by the size of the kernel, of the batch, and by the layout.
GRID = tuple(
    Setting(kernel, batch, channels, layout)
    for kernel in (1, 3, 5)
    for channels, layout, batches in (
        (1, "contiguous", (1, 15, 16)),
        (64, "contiguous", (1, 16)),
        (64, "channels_last", (16,)),
    )
    for batch in batches
)
ONE = "one"
EARLY = {"tap": "per tap", "image": "per image", "bias": "bias after rounding"}


def deviates(text: str) -> float:
    """Rank what every exact, direct sum would give below all else."""
    return text not in ("same bits", "exact", "NaN")


@dataclass(frozen=True)
class Trait:
    """One line of the table.

    `read` turns what the probe returned into the value, given the format of the result; `declared`
    gives the value of a row, `allows` whether a row admits a measured value. A trait that rows do
    not speak of has neither. One that is `direct` is not asked where the products of the definition
    are not what is summed: of transformed tiles its probe would tell nothing.
    """

    name: str
    probe: Callable[[Dot], Any]
    read: Callable[[Any, Format], str]
    rank: Callable[[str], float] = deviates
    declared: Callable[[Arithmetic], str] | None = None
    allows: Callable[[Arithmetic, str], bool] | None = None
    settings: tuple[Setting, ...] = SETTINGS
    direct: bool = True


def _plain(raw: Any, _: Format) -> str:
    return str(raw)


def _by_name(raw: Mapping[str, Any], _: Format) -> str:
    """Return the value that all operands share, or that of each."""
    if len(set(raw.values())) == 1:
        return str(next(iter(raw.values())))
    return ", ".join(f"{name} {value}" for name, value in raw.items())


def _least(text: str) -> int:
    """Return the least number in a text such as "input 24, weight 8"."""
    return min(int(word) for word in re.findall(r"\b\d+\b", text))


def _fewest(text: str) -> float:
    return -_least(text)


def _early(raw: Mapping[str, int], stored: Format) -> list[str]:
    """Return the steps at which a wider partial sum is rounded to the format of the result."""
    widest = max(raw.values())
    return [name for name, bits in raw.items() if bits <= stored.precision < widest]


def _accumulator(raw: Mapping[str, int], stored: Format) -> str:
    """Return the least width of a sum, apart from the steps at which it is stored."""
    early = _early(raw, stored)
    return str(min(bits for name, bits in raw.items() if name not in early))


def _stores(raw: Mapping[str, int], stored: Format) -> str:
    return ", ".join(EARLY.get(n, f"per {n}") for n in _early(raw, stored)) or ONE


def _declared_stores(row: Arithmetic) -> str:
    if not row.rounds_output:
        return ONE
    named = {"none": ONE, "taps": EARLY["tap"], "images": EARLY["image"], "bias": EARLY["bias"]}
    return named.get(row.stores, "anywhere")


def _allows_stores(row: Arithmetic, text: str) -> bool:
    """Tell whether a row admits these early roundings; each that has any admits the bias'."""
    if row.stores == "any" or not row.rounds_output or text == ONE:
        return True
    return row.stores != "none" and set(text.split(", ")) <= {_declared_stores(row), EARLY["bias"]}


def _allows_rounding(row: Arithmetic, text: str) -> bool:
    """Tell whether a row admits the rounding; half a spacing bounds both ways to break ties."""
    return text.startswith("nearest") or (row.truncates and not row.rounds_output)


def _lost(raw: list[str], _: Format) -> str:
    return "kept" if not raw else "flushed" if len(raw) > 1 else f"{raw[0]} flushed"


ALGORITHMS = ("direct", "fast-tile", "fast-plane")


def _class(text: str) -> int:
    """Return the place in ALGORITHMS of what infection tells; beyond them what no class does."""
    if text in ALGORITHMS:
        return ALGORITHMS.index(text)
    classes = {"beside": 1, "plane": 2, "spread": 2}
    return 1 if text.startswith("tile") else classes.get(text, 3)


def transforms(text: str) -> bool:
    """Tell whether infection found transformed tiles or planes."""
    return text.startswith("tile") or text == "plane"


def _tile_rank(text: str) -> float:
    """Return the class of the algorithm and, within it, the size of the tile."""
    return _class(text) + sum(int(n) for n in re.findall(r"\d+", text)) / 1000


TRAITS = (
    Trait(
        "algorithm",
        planes.infection,
        _plain,
        _tile_rank,
        lambda row: row.algorithm,
        lambda row, text: _class(text) <= ALGORITHMS.index(row.algorithm),
        GRID,
        direct=False,
    ),
    Trait(
        "operand bits",
        probes.operand_bits,
        _by_name,
        _fewest,
        lambda row: str((row.operands or row.output).precision),
        lambda row, text: _least(text) >= (row.operands or row.output).precision,
    ),
    Trait(
        "accumulator bits",
        probes.sum_bits,
        _accumulator,
        _fewest,
        lambda row: str(row.accumulator.precision),
        lambda row, text: int(text) >= row.accumulator.precision,
    ),
    Trait(
        "rounding",
        probes.rounding,
        _plain,
        ("nearest-even", "nearest-away", "toward zero", "other").index,
        lambda row: "toward zero" if row.truncates and not row.rounds_output else "nearest-even",
        _allows_rounding,
    ),
    Trait(
        "roundings",
        probes.sum_bits,
        _stores,
        lambda text: 0 if text == ONE else 1 + text.count(","),
        _declared_stores,
        _allows_stores,
    ),
    Trait(
        "subnormals",
        probes.subnormals,
        _lost,
        ("kept", "operands flushed", "results flushed", "flushed").index,
        lambda row: "flushed" if row.flushes else "kept",
        lambda row, text: row.flushes or text == "kept",
    ),
    Trait(
        "same call",
        planes.repeated,
        _plain,
        deviates,
        lambda row: "same bits",
        lambda row, text: text == "same bits",
        direct=False,
    ),
    Trait("integers", planes.integers, _plain, direct=False),
    Trait("other order", planes.reordered, _plain, direct=False),
    Trait("alone", planes.alone, _plain, direct=False),
    Trait("channels_last", planes.other_layout, _plain, direct=False),
    Trait("0 * inf", probes.zero_times_infinity, _by_name),
    Trait("padding * inf", planes.padding_times_infinity, _plain),
    Trait("multiplications", probes.multiplications, _plain, _fewest),
)
