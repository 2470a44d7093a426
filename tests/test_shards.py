"""A run in parts: nothing twice, nothing left out, the same part for the same name."""

from __future__ import annotations

from pathlib import Path

import pytest

from properties.merging import merge
from properties.profiles import seed_of
from properties.shards import Shard
from tests.plugin_targets import POINTWISE, Run, property_of, run_pytest


@pytest.mark.parametrize("total", [1, 2, 3, 7])
def test_parts_are_a_partition(total: int) -> None:
    """Each entry is in exactly one part, and the examples are at least all."""
    shards = [Shard(number, total) for number in range(1, total + 1)]
    assert sorted(i for shard in shards for i in shard.part(range(20))) == list(range(20))
    assert sum(shard.examples(300) for shard in shards) >= 300
    assert max(shard.examples(300) for shard in shards) <= -(-300 // total)


def test_parts_draw_other_inputs() -> None:
    """Seeds differ by property, run, number and total; the whole run has those without shards."""
    shards = [Shard.parse(text) for text in ("1/1", "1/2", "2/2", "1/3")]
    seeds = [seed_of(n, base, shard) for n in ("a", "b") for base in (0, 1) for shard in shards]
    assert len(set(seeds)) == len(seeds)
    assert seed_of("a", 1, shards[0]) == seed_of("a", 1)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "-1/2", "1/2/3", "a/b", ""])
def test_other_words_are_refused(text: str) -> None:
    """What is not I/N with I at most N is no shard."""
    with pytest.raises(ValueError, match="is not of the form I/N"):
        Shard.parse(text)


def run_shard(folder: Path, shard: str) -> Run:
    """Run a part of two properties."""
    folder.mkdir(exist_ok=True)
    names = (property_of("test_coverage.py"), property_of(POINTWISE))
    only = ("--conv2d-impl", "F.conv2d", "--conv2d-only", "passes=forward layout=contiguous")
    return run_pytest(folder, *names, *only, "--conv2d-shard", shard)


def test_two_shards_are_one_run(tmp_path: Path) -> None:
    """Each shard is green and partial; merged they are verified, with every pair of levels hit."""
    runs = [run_shard(tmp_path / name, f"{name}/2") for name in ("1", "2")]
    for number, run in enumerate(runs, 1):
        assert run.status == 0, run.output
        assert f"partial run: this is shard {number}/2" in run.output
        assert f", shard {number}/2)" in run.output
    merged = merge([run.report for run in runs])
    assert merged["exit_status"] == 0, merged["reasons"]
    assert merged["examples"] == sum(run.report["examples"] for run in runs)
    hit, planned = next(item["cells"] for item in merged["items"] if item["cells"][1])
    assert hit == planned > max(item["cells"][0] for run in runs for item in run.report["items"])
    digests = [run.digests for run in runs]
    assert not {*digests[0].values()} & {*digests[1].values()}


def test_a_wrong_shard_is_a_usage_error(tmp_path: Path) -> None:
    """A shard that cannot be ends the run with status 4."""
    run = run_shard(tmp_path, "3/2")
    assert run.status == 4
    assert "shard '3/2' is not of the form I/N" in run.output
