"""The pictures of a report's page, by matplotlib, as SVG that stands inside HTML.

Lines and letters take the colour of the text round them, so that one picture is good for light,
dark and paper. Names and numbers come from a report.json, and are drawn as plain text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure

from properties.shares import ENDS

INK = "#010203"  # stands for the colour of the text, and is replaced by it
BLUE, RED = "#3b7dd8", "#d1442f"
STYLE: Any = {  # matplotlib types the keys one by one, in some versions
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "conv2d-properties",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
}
RESULTS = {"output": "output", **{n: f"grad {n}" for n in ("input", "weight", "bias")}}
# Of an error in radii: colour, upper end, name.
BANDS = (
    ("#8a94a433", 1e-9, "exact"),
    ("#8fb8ec", 1.0, "inside"),
    ("#f6b36b", 10.0, "up to 10 radii"),
    ("#e0603c", 1e4, "up to 10 000"),
    ("#9c1c2e", np.inf, "more, or where none is allowed"),
)


def coverage(factors: Mapping[str, Sequence[int]]) -> str:
    """Return a map of two factors each: the share of their pairs of levels that was hit."""
    pairs = {tuple(name.split(" x ")): counts for name, counts in factors.items()}
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    share = np.full((len(names), len(names)), np.nan)
    for (first, second), (hit, planned) in pairs.items():
        share[names.index(second), names.index(first)] = hit / planned
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 7.6), layout="constrained")
        axes = figure.add_subplot()
        image = axes.pcolormesh(
            share,
            vmin=0,
            vmax=1,
            cmap=LinearSegmentedColormap.from_list("", [RED, "#f0c36d", BLUE]),
            edgecolors="none",
        )
        axes.invert_yaxis()
        axes.set_aspect("equal")
        labels = [name.replace("_", " ") for name in names]
        places = np.arange(len(names)) + 0.5
        axes.set_xticks(places, labels, rotation=90)
        axes.set_yticks(places, labels)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.5, anchor=(0.0, 1.0))
        bar.set_label("share of the pairs of levels hit")
        bar.outline.set_visible(False)
        return _svg(figure, "Share of the pairs of levels that was hit, by two factors")


def histograms(counts: Mapping[str, Sequence[int]]) -> str:
    """Return how much of the bound good results used: a row for each dtype, a column for each pass.

    The keys are as in report.json: "float32 output", "float32 weight".
    """
    dtypes = sorted({name.split(" ")[0] for name in counts})
    columns = [r for r in RESULTS if any(name.split(" ")[-1] == r for name in counts)]
    with mpl.rc_context(STYLE):
        size = (1.2 + 2.3 * len(columns), 0.9 + 0.85 * len(dtypes))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(dtypes), len(columns), sharex=True, squeeze=False)
        for row, dtype in zip(grid, dtypes, strict=True):
            for axes, result in zip(row, columns, strict=True):
                _bars(axes, counts.get(f"{dtype} {result}"))
            row[0].set_ylabel(dtype, rotation=0, ha="right", va="center")
        for axes, result in zip(grid[0], columns, strict=True):
            axes.set_title(RESULTS[result], fontsize=10)
        for axes in grid[-1]:
            axes.set_xticks(range(1, len(ENDS), 2), ENDS[1::2], fontsize=7)
        figure.supxlabel("share of the bound used, up to; 1 is the red line", fontsize=9)
        return _svg(figure, "Histograms of the share of the bound used, by dtype and result")


def _bars(axes: Axes, counts: Sequence[int] | None) -> None:
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0.4, len(ENDS) - 0.2)
    note: Any = {"transform": axes.transAxes, "va": "top", "fontsize": 7}
    if counts is None:
        axes.text(0.03, 1.0, "none", alpha=0.6, **note)
        return
    # Most results are exact: as a bar they would leave no room for what the others use.
    axes.bar(range(1, len(ENDS)), counts[1:], width=0.85, color=BLUE)
    axes.axvline(len(ENDS) - 0.5, color=RED, linewidth=1.5)
    axes.set_ylim(0, max(*counts[1:], 1) * 1.35)
    axes.text(0.03, 1.0, f"{counts[0]} of {sum(counts)} exact", **note)


def errors(rows: Sequence[str], origin: Sequence[int]) -> str:
    """Return the map of a plane of errors in radii, given as in report.json."""
    values = np.array([[float(word) for word in row.split()] for row in rows])
    height, width = values.shape
    ends = [end for _, end, _ in BANDS]
    # In a boundary norm an end belongs to the band above it: here to the one below.
    edges = [-1.0, *np.nextafter(ends[:-1], np.inf), np.finfo(np.float64).max]
    norm = BoundaryNorm(edges, len(BANDS))
    colours = ListedColormap([colour for colour, _, _ in BANDS])
    side = min(0.3, 7.4 / width, 3.4 / height)  # inches
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(side * width + 0.6, side * height + 0.5), layout="constrained")
        axes = figure.add_subplot()
        left, top = origin[1] - 0.5, origin[0] - 0.5
        extent = (left, left + width, top + height, top)
        shown = np.minimum(values, edges[-1] / 2)
        axes.imshow(shown, cmap=colours, norm=norm, interpolation="none", extent=extent)
        axes.set_xticks(_ticks(origin[1], width))
        axes.set_yticks(_ticks(origin[0], height))
        axes.spines[:].set_visible(True)
        return _svg(figure, "Error of each element, in radii")


def _ticks(first: int, extent: int) -> list[int]:
    step = -(-extent // 8)
    return [*range(first, first + extent, step)]


def _svg(figure: Figure, label: str) -> str:
    """Return a figure as an SVG element without a prologue, or names of its own."""
    out = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(out, format="svg", transparent=True, metadata=nothing)
    text = out.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r' id="[a-z]+[0-9]*_[0-9_.]+"', "", text)  # several pictures share a page
    text = re.sub(r' height="[\d.]+pt"', "", text, count=1)  # it follows from the width
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
