"""Declared arithmetic: one row per dtype and result (output, or gradient of input, weight, bias).

Torch's own rows follow from what the worker reports of its device and flags. An implementation of
one's own gets the strict row, unless its author declares others in a TOML file:

    [[row]]
    dtype = "float32"
    results = ["output", "input"]   # default: all four
    operands = "tf32"               # any field of `reference.Arithmetic`
    truncates = true
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import reference
from reference import Arithmetic, Format, Modular
from reference.arithmetic import Algorithm, Stores

RESULTS = ("output", "input", "weight", "bias")
STRICT: Mapping[str, Arithmetic | Modular] = {
    "float32": reference.FLOAT32,
    "float64": reference.FLOAT64,
    "float16": reference.FLOAT16,
    "bfloat16": reference.BFLOAT16,
    "complex64": reference.FLOAT32,
    "complex128": reference.FLOAT64,
    "int8": reference.INT8,
    "uint8": reference.UINT8,
    "int16": reference.INT16,
    "int32": reference.INT32,
    "int64": reference.INT64,
}
HALF = ("float16", "bfloat16")
OF_A_BIAS = ("vmap-weight", "vmap-bias", "vmap-all")  # modes that map over it
FORMATS: Mapping[str, Format] = {
    "tf32": reference.TENSOR32,
    "float64": reference.BINARY64,
    "float32": reference.BINARY32,
    "float16": reference.BINARY16,
    "bfloat16": reference.BRAIN16,
}
# Of the looser rows that a kernel may turn out to compute by, the ones worth a name.
LOOSER: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
    "operands in TF32": (("float32", {"operands": "tf32", "truncates": True}),),
    "truncating accumulation": tuple((name, {"truncates": True}) for name in ("float32", *HALF)),
    "bias added after rounding": tuple((name, {"stores": "bias"}) for name in HALF),
    "a rounding per tap": tuple((name, {"stores": "taps"}) for name in HALF),
    "a rounding per image": tuple((name, {"stores": "images"}) for name in HALF),
    "a rounding per addition": tuple((name, {"stores": "any"}) for name in HALF),
    "subnormals flushed": tuple((name, {"flushes": True}) for name in ("float32", *HALF)),
}


@dataclasses.dataclass(frozen=True)
class Rows:
    """What is declared beyond the strict rows, by dtype and result; other rows in some modes.

    `written` is the table of an author, as plain data; None where there is none.
    """

    declared: Mapping[tuple[str, str], Arithmetic] = dataclasses.field(default_factory=dict)
    modes: Mapping[str, Rows] = dataclasses.field(default_factory=dict)
    written: tuple[Mapping[str, Any], ...] | None = None

    def lines(self) -> list[str]:
        """Return a line for each row of the author's: dtype, results, what is not strict."""
        lines = []
        for row in self.written or ():
            changed = ", ".join(
                f"{name} {value}" for name, value in row.items() if name not in ("dtype", "results")
            )
            results = ", ".join(row.get("results", ("all results",)))
            lines.append(f"{row['dtype']} {results}: {changed or 'strict'}")
        return lines

    def of(self, dtype: str, result: str, mode: str = "eager") -> Arithmetic | Modular:
        """Return the row of one result; other derivatives have the rows of their kin."""
        if mode == "vmap-all" and dtype in HALF and result in ("weight", "bias"):
            # Each image has parameters of its own: torch adds up gradients that are stored.
            row = self.of(dtype, result)
            once = isinstance(row, Arithmetic) and row.stores in ("none", "images")
            return _changed(row, {"stores": "images" if once else "any"})
        if mode in self.modes:
            return self.modes[mode].of(dtype, result)
        if (dtype, result) in self.declared:
            return self.declared[dtype, result]
        kin = {"tangent": "output", "grad_output": "output"}
        result = result.removeprefix("second_").removeprefix("sample_")
        return self.declared.get((dtype, kin.get(result, result)), STRICT[dtype])

    def looser(
        self, dtype: str, result: str, mode: str = "eager"
    ) -> Iterator[tuple[str, Arithmetic]]:
        """Yield names and rows that allow more than the declared one, in one respect each."""
        row = self.of(dtype, result, mode)
        if isinstance(row, Modular):
            return
        for name, variants in LOOSER.items():
            for affected, fields in variants:
                if affected == dtype and _changed(row, fields) != row:
                    yield name, _changed(row, fields)


def builtin(device: str, facts: Mapping[str, Any]) -> Rows:
    """Return the rows of torch's own convolution on a device whose worker reports these facts."""
    rows: dict[tuple[str, str], Mapping[str, Any]] = {}
    if device == "cpu":
        if not facts.get("onednn.enabled", True):
            # NNPACK, from 16 images on; complex numbers are real convolutions.
            rows |= {(d, "output"): {"algorithm": "fast-plane"} for d in ("float32", "complex64")}
        for dtype in HALF:
            if facts.get(f"onednn.{dtype}"):
                # VDPBF16PS takes and returns subnormals as zeros, by definition.
                flushes = {"flushes": dtype == "bfloat16"}
                rows |= {(dtype, result): flushes for result in RESULTS}
            else:
                # The native backward pass keeps its partial results in the operands' own dtype.
                rows[dtype, "input"] = {"stores": "taps"}
                rows[dtype, "weight"] = rows[dtype, "bias"] = {"stores": "images"}
    elif device.startswith("cuda"):
        # cuDNN may choose a fast algorithm for any shape; complex numbers are real convolutions.
        single: dict[str, Any] = {"algorithm": "fast-plane"}
        if facts.get("cudnn.conv.fp32_precision") != "ieee":
            single |= {"operands": "tf32", "truncates": True}
        rows |= {(dtype, r): single for dtype in ("float32", "complex64") for r in RESULTS[:3]}
        for dtype in HALF:
            blocks = {"truncates": True, "flushes": dtype == "bfloat16"}
            rows |= {(dtype, result): blocks for result in RESULTS[1:]}
            # The tiles of cuDNN's Winograd kernels; it has none of planes in these dtypes.
            tiles: dict[str, Any] = {**blocks, "algorithm": "fast-tile"}
            rows |= {(dtype, result): tiles for result in RESULTS[1:3]}
            rows[dtype, "output"] = {**tiles, "stores": "bias"}
        # Seen on an H100, cuDNN 9.19: large kernels are split and their parts stored in half, and
        # the gradient of a grouped weight over two images is one unit off, as if each were stored.
        for result, stores in (("input", "taps"), ("weight", "images")):
            rows["float16", result] = {**rows["float16", result], "stores": stores}
    # Double backward computes this one by a forward convolution, the others by that of their kin.
    floating = [dtype for dtype, row in STRICT.items() if isinstance(row, Arithmetic)]
    rows |= {(dtype, "second_weight"): rows.get((dtype, "output"), {}) for dtype in floating}
    declared = {key: _changed(STRICT[key[0]], fields) for key, fields in rows.items()}
    on = {name: False for name, value in facts.items() if name.startswith("onednn.") and value}
    modes = {"onednn-off": builtin(device, {**facts, **on})} if on else {}
    # The batching rule of a bias is an addition of its own, to sums that are rounded already.
    apart = {
        (dtype, "output"): _changed(
            declared.get((dtype, "output"), STRICT[dtype]), {"stores": "bias"}
        )
        for dtype in HALF
    }
    batched = dict.fromkeys(OF_A_BIAS, Rows({**declared, **apart}))
    return Rows(declared, {**modes, **batched})


def load(path: Path) -> Rows:
    """Read a TOML file of rows; ValueError names what is wrong with it."""
    try:
        return parse(tomllib.loads(path.read_text())["row"])
    except (OSError, KeyError, TypeError, AttributeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: not a table of rows: {type(error).__name__} {error}") from error


def parse(rows: Sequence[Mapping[str, Any]]) -> Rows:
    """Return the rows of a table; ValueError, KeyError or TypeError for what is none."""
    declared: dict[tuple[str, str], Arithmetic] = {}
    for row in rows:
        fields = dict(row)
        dtype, results = fields.pop("dtype"), fields.pop("results", RESULTS)
        if dtype not in STRICT:
            raise ValueError(f"`dtype`={dtype!r} is not one of {', '.join(STRICT)}")
        for result in results:
            if result not in RESULTS:
                raise ValueError(f"`results` names {result!r}, not one of {', '.join(RESULTS)}")
            before = declared.get((dtype, result), STRICT[dtype])
            declared[dtype, result] = _changed(before, fields)
    return Rows(declared, written=tuple(rows))


def _changed(row: Arithmetic | Modular, fields: Mapping[str, Any]) -> Arithmetic:
    """Return the row with some fields replaced; formats are given by name."""
    if isinstance(row, Modular):
        raise ValueError(f"integers do not round: `{row.name}` has no row to declare")
    values: dict[str, Any] = {}
    for name, value in fields.items():
        allowed: tuple[Any, ...] = {
            "accumulator": tuple(FORMATS),
            "operands": tuple(FORMATS),
            "truncates": (True, False),
            "flushes": (True, False),
            "stores": get_args(Stores),
            "algorithm": get_args(Algorithm),
        }.get(name, ())
        if not allowed:
            raise ValueError(f"`{name}` is not a field of a row")
        if value not in allowed:
            raise ValueError(f"`{name}`={value!r} is not one of {', '.join(map(str, allowed))}")
        values[name] = FORMATS[value] if name in ("accumulator", "operands") else value
    return dataclasses.replace(row, **values) if values else row
