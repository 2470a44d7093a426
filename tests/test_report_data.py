"""What a report holds beside verdicts: shares by bin, cells by bit, errors by element."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from properties.coverage import cells, covered, in_order
from properties.errormap import SIDE, ErrorMap, error_map
from properties.planned import PLANNED
from properties.search import Search
from properties.shares import ENDS, bin_of
from reference import Enclosure


@pytest.mark.parametrize(
    ("used", "end"),
    [
        (0.0, "0"),
        (5e-324, "1/256"),
        (0.0039, "1/256"),
        (1 / 256, "1/128"),
        (0.24, "1/4"),
        (0.25, "1/2"),
        (0.5, "1"),
        (1.0, "1"),
    ],
)
def test_a_share_has_its_bin(used: float, end: str) -> None:
    """Bins are powers of two that exclude their upper end, but for the last: 1 is allowed."""
    assert ENDS[bin_of(used)] == end


def test_every_named_result_is_counted_once() -> None:
    """The histogram's total is the number of good results; comparisons without a name have none."""
    search = Search()
    for used in (0.0, 0.3, 0.3, 1.0):
        search.note(used, "float32 output")
    search.note(0.7)
    (counts,) = search.histogram.values()
    assert sum(counts) == 4
    assert counts[0] == 1
    assert counts[bin_of(0.3)] == 2


def test_cells_can_be_told_from_their_bits() -> None:
    """The bits name exactly the cells that were hit, and two runs of one plan join by `or`."""
    plan = list(cells({name: PLANNED[name] for name in ("stride", "dilation", "groups")}))
    order = [frozenset(cell) for cell in in_order(plan)]
    assert set(order) == set(plan)
    assert len(list(groupby(tuple(f for f, _ in cell) for cell in in_order(plan)))) == 3
    bits = []
    for hit in (plan[::3], plan[1::3]):
        found = covered(set(plan), set(hit))
        packed = np.frombuffer(zlib.decompress(base64.b64decode(found["hit"])), np.uint8)
        bits.append(np.unpackbits(packed, count=len(plan)).astype(bool))
        assert {cell for cell, bit in zip(order, bits[-1], strict=True) if bit} == set(hit)
        assert sum(hits for hits, _ in found["factors"].values()) == len(hit)
        assert sum(some for _, some in found["factors"].values()) == len(plan)
        assert set(found["factors"]) == {
            "stride x dilation",
            "stride x groups",
            "dilation x groups",
        }
    assert np.count_nonzero(bits[0] | bits[1]) == len({*plan[::3], *plan[1::3]})


def test_the_plan_has_a_digest_of_its_own() -> None:
    """The digest depends on what is planned, not on what was hit or in which order it is told."""
    plan = list(cells({name: PLANNED[name] for name in ("stride", "dilation")}))
    digest = covered(plan, set())["plan"]
    assert covered(plan[::-1], set(plan))["plan"] == digest
    assert covered(plan[1:], set())["plan"] != digest


def _map(shape: tuple[int, ...], wrong: Mapping[Any, float], rad: float) -> ErrorMap:
    observed = np.zeros(shape)
    for place, value in wrong.items():
        observed[place] = value
    ball = Enclosure(np.zeros(shape), np.full(shape, rad))
    found = error_map("output", observed, ball, next(iter(wrong)))
    assert found is not None
    return found


def test_errors_are_told_in_radii() -> None:
    """Each element of the worst one's plane has its distance in radii; a NaN is infinitely far."""
    wrong = {(1, 0, 2): 6.0, (1, 1, 1): -1.0, (1, 0, 0): np.nan, (0, 0, 0): 9.0}
    found = _map((2, 2, 3), wrong, 2.0).to_json()
    assert found["plane"] == [1]
    assert found["rows"] == ["inf 0 3", "0 0.5 0"]
    assert _map((1, 1, 1, 2), {(0, 0, 0, 1): 1e-9}, 0.0).to_json()["rows"] == ["0 inf"]


def test_an_element_outside_never_looks_as_if_inside() -> None:
    """However little beyond its radius, three digits tell it; on the radius it is inside."""
    found = _map((1, 1, 2), {(0, 0, 0): 1.0001, (0, 0, 1): 1.0}, 1.0)
    assert found.to_json()["rows"] == ["1.01 1"]


@pytest.mark.parametrize(("column", "start"), [(0, 0), (70, 38), (199, 136)])
def test_of_a_large_plane_a_window_is_shown(column: int, start: int) -> None:
    """It is round the worst element, and never beyond the plane."""
    found = _map((1, 1, 3, 200), {(0, 0, 2, column): 1.0}, 0.0)
    assert found.origin == (0, start)
    assert found.errors.shape == (3, SIDE)
    assert found.errors[2, column - start] == np.inf


def test_what_has_no_planes_has_no_map() -> None:
    """The gradient of a bias, and gradients of each sample, are not drawn."""
    for shape in ((3,), (2, 2, 2, 2, 2)):
        zeros = np.zeros(shape)
        assert error_map("bias", zeros, Enclosure(zeros, zeros), (0,) * len(shape)) is None


def test_the_schema_is_beside_what_it_describes() -> None:
    """The bins that the schema names are those that are counted."""
    text = (Path(__file__).parent.parent / "properties" / "report.schema.json").read_text()
    assert ", ".join(ENDS[1:-1]) in text
