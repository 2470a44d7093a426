"""The pages that are made of a report: what they say, and that nobody else shapes them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt

from properties import drawings
from properties.__main__ import main
from properties.coverage import cells, covered
from properties.markdown import LONGEST, MOST, fenced, inline, markdown
from properties.overview import printable
from properties.page import page
from properties.planned import PLANNED
from tests import browser
from tests.plugin_targets import (
    BRIEF,
    POINTWISE,
    ROOT,
    environment,
    property_of,
    red_run,
    shared_run,
)
from tests.report_targets import HOSTILE

Report = dict[str, Any]
KEPT = ("rows", "outcome", "origin")  # are read, not shown as they are


@pytest.fixture
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return a report of a wrong value and of an exception in hostile words.

    Its coverage, histogram and known defects are made up: a run that has them takes too long.
    """
    data: Report = red_run(tmp_path_factory).report
    speaks = ("--conv2d-impl", "tests.report_targets:speaks", "--conv2d-seconds", "1", *BRIEF)
    other = shared_run(tmp_path_factory, "speaks", property_of(POINTWISE), *speaks).report
    for name in ("items", "violations"):
        data[name] += other[name]
    plan = list(cells({name: PLANNED[name] for name in ("dtype", "stride", "groups")}))
    data["items"][0] |= {"cells": [len(plan[::2]), len(plan)], "coverage": covered(plan, plan[::2])}
    data["items"][0]["histogram"] = {"float32 output": [5, *range(9)], "int8 output": [3] + [0] * 9}
    data["items"][1]["defects"] = {"torch-no-channels": "there", "onednn-pairs": "FIXED"}
    data["items"][1]["known"] = {"torch-no-channels": 3}
    return data


def poisoned(value: Any) -> Any:
    """Return the same data with hostile text in front of every string."""
    if isinstance(value, dict):
        return {name: v if name in KEPT else poisoned(v) for name, v in value.items()}
    if isinstance(value, list):
        return [*map(poisoned, value)]
    return HOSTILE + value if isinstance(value, str) else value


class Elements(HTMLParser):
    """The elements of a page in order with their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.ends: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Keep the end of one."""
        self.ends.append(tag)

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.texts.append(data)

    @property
    def names(self) -> list[str]:
        """The names of the elements, in order."""
        return [name for name, _ in self.found]

    @property
    def text(self) -> str:
        """All that is to be read."""
        return "".join(self.texts)


def resources(text: str) -> Iterator[str]:
    """Yield whatever a page would load from elsewhere, by its elements and by its styles."""
    for name, attributes in Elements(text).found:
        for attribute, value in attributes.items():
            loads = attribute in ("src", "srcset", "href", "xlink:href", "data", "poster", "action")
            if loads and name != "a" and not (value or "").startswith(("#", "data:")):
                yield f"{name} {attribute}={value}"
    yield from re.findall(r"url\((?!#)[^)]*\)|@import[^;]*", text)


def test_the_page_says_what_the_report_does(report: Report) -> None:
    """Verdict, environment, each violation with its case and script, coverage, known defects."""
    found = Elements(page(report))
    for said in (
        *(report["verdict"], f"exit status {report['exit_status']}", report["domain"]),
        *report["partial"],
        *(v[name] for v in report["violations"] for name in ("summary", "target", "kind")),
        *(Path(v["script"]).name for v in report["violations"]),
        *("torch-no-channels", "FIXED", "pointwise is a matrix product"),
    ):
        assert said in found.text, said
    hit, planned = report["items"][0]["cells"]
    assert f"{hit} of {planned}" in found.text
    assert printable(report["violations"][-1]["source"]).strip() in found.text
    maps = sum(len(violation["errors"]) for violation in report["violations"])
    assert maps
    assert found.names.count("svg") == maps + 2  # the coverage, and the histograms
    assert "float32" in found.text


def test_a_green_page_has_no_cards(report: Report) -> None:
    """Without violations, coverage and known defects their sections are left out."""
    green = {**report, "ok": True, "exit_status": 0, "verdict": "verified", "violations": []}
    green["reasons"] = green["partial"] = green["items"] = []
    found = Elements(page(green))
    assert "verified" in found.text
    assert not {"article", "svg"} & set(found.names)
    assert "no property" not in markdown(green)


def test_pages_need_nothing_else(report: Report) -> None:
    """A page loads nothing, runs nothing, and forbids both."""
    text = page(report)
    assert list(resources(text)) == []
    found = Elements(text)
    assert "script" not in found.names
    policy = [a["content"] for _, a in found.found if "http-equiv" in a]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert not [a for _, attributes in found.found for a in attributes if a.startswith("on")]


@pytest.mark.parametrize(
    "load",
    ['<img src="https://a.invalid/x.png">', "<style>b{background:url(//a.invalid)}</style>"],
)
def test_the_check_of_resources_can_fail(load: str) -> None:
    """What loads something is found."""
    assert len(list(resources(load))) == 1


def test_no_text_shapes_the_page(report: Report) -> None:
    """Markup in every string of a report leaves the page with the elements that it had."""
    clean, foul = Elements(page(report)), Elements(page(poisoned(report)))
    assert foul.names == clean.names
    assert foul.ends == clean.ends
    assert "{{ 7 * 7 }}" in foul.text
    assert printable(HOSTILE) in foul.text
    assert not {"\x1b", "\u202e"} & set(foul.text)


def test_an_implementation_cannot_speak_markup(report: Report) -> None:
    """The words of an exception are on both pages as words."""
    assert HOSTILE[:40] in json.dumps(report, ensure_ascii=False).replace('\\"', '"')
    found = Elements(page(report))
    assert '<img src=x onerror="alert(1)">' in found.text
    assert "img" not in found.names
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(report))
    html = [t.content for t in tokens if t.type == "html_block"]
    assert html
    assert not [text for text in html if "img" in text]


def _structure(text: str) -> list[tuple[str, int]]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    flat = [t for token in tokens for t in (token, *(token.children or ()))]
    return [(token.type, token.nesting) for token in flat if token.type != "text"]


def test_no_text_shapes_the_markdown(report: Report) -> None:
    """Markup in every string leaves the page of markdown with the blocks that it had."""
    assert _structure(markdown(poisoned(report))) == _structure(markdown(report))


@pytest.mark.parametrize("text", [HOSTILE, "a\n`````\nb", "`" * 40, "", "x" * (LONGEST + 5)])
def test_fences_hold(text: str) -> None:
    """A block of code is one block whatever is in it; too much of it is cut, and says so."""
    (block,) = MarkdownIt("commonmark").parse(fenced(text))
    assert block.type == "fence"
    assert block.content.startswith(printable(text[:LONGEST]).rstrip())
    assert ("5 characters more" in block.content) == (len(text) > LONGEST)


def test_inline_text_is_text() -> None:
    """One line comes back as it was, without a construct of markdown or HTML."""
    text = HOSTILE.replace("\n", " ")
    (_, body, _) = MarkdownIt("commonmark").enable("table").parse(inline(text))
    assert {child.type for child in body.children or ()} <= {"text", "text_special"}
    assert "".join(child.content for child in body.children or ()) == printable(text)
    assert inline("a_b __c__") == "a_b &#95;&#95;c&#95;&#95;"


def test_a_long_page_of_markdown_is_cut(report: Report) -> None:
    """What GitHub would not show is counted; what stands at the end is still there."""
    violation = {**report["violations"][0], "source": "x" * LONGEST}
    text = markdown({**report, "violations": [violation] * 60})
    assert len(text.encode()) < MOST + 20_000
    assert re.search(r"\d+ more are in report.json", text)
    assert "partial run" in text


def test_commands_write_pages(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`html` writes beside the report or where it is told to; `summary` prints."""
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    assert main(["html", str(path)]) == 0
    assert main(["html", str(path), "-o", str(tmp_path / "other.html")]) == 0
    written = path.with_suffix(".html").read_text()
    assert written == (tmp_path / "other.html").read_text() == page(report)
    capsys.readouterr()
    assert main(["summary", str(path)]) == 0
    assert "violations (exit status 1)" in capsys.readouterr().out
    assert main(["summary", str(path), "--markdown"]) == 0
    assert capsys.readouterr().out.strip() == markdown(report).strip()


@pytest.mark.parametrize("command", ["html", "summary"])
def test_what_is_no_report_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of another kind, and of an older schema, ends with exit status 4 and its name."""
    path = tmp_path / "old.json"
    path.write_text('{"schema": 1, "items": []}')
    for name in (path, tmp_path / "none.json"):
        assert main([command, str(name)]) == 4
        assert name.name in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_a_missing_extra_says_what_to_install(missing: str, report: Report, tmp_path: Path) -> None:
    """Without the extra `html` ends with exit status 4; `summary` needs nothing of it."""
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from properties.__main__ import main; "
        "assert main(['summary', sys.argv[1], '--markdown']) == 0; "
        "sys.exit(main(['html', sys.argv[1]]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(path)],
        env=environment(PYTHONPATH=str(ROOT), PYTHONIOENCODING="utf-8"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 4, done.stderr
    assert missing in done.stderr
    assert "pip install 'conv2d-properties[html]'" in done.stderr


def test_maps_show_where_the_errors_are() -> None:
    """Numbers that the schema allows are drawn: one element, an infinity, a window's own origin."""
    assert "<image" in drawings.errors(["inf"], [0, 0])
    text = drawings.errors([" ".join(["0", "1e300", "inf"] * 21)] * 64, [0, 7])
    assert ">63<" in text


@pytest.fixture
def drawn(report: Report, tmp_path: Path) -> Path:
    """Return the page as a file; a test that wants it is skipped where there is no browser."""
    if browser.installed() is None:
        pytest.skip(f"none of {', '.join(browser.NAMES)} is installed: the page is not opened")
    path = tmp_path / "report.html"
    path.write_text(page(report), encoding="utf-8")
    return path


@pytest.mark.browser
@pytest.mark.parametrize("width", [420, 1280])
def test_a_browser_shows_the_page(drawn: Path, width: int) -> None:
    """On a phone and on a screen: no error, nothing beside the page, every picture of a size."""
    assert browser.console(drawn) == []
    found = browser.layout(drawn, width)
    assert found["width"] <= width
    assert found["pictures"]
    assert all(w > 50 and h > 20 for w, h in found["pictures"])
    seen = browser.screenshot(drawn, width, 2400)
    assert seen.shape[1] == width
    assert np.count_nonzero((seen == (0x9C, 0x1C, 0x2E)).all(axis=-1)) > 50  # a wrong element
    assert (seen[0, 0] == 255).all()
    dark = browser.screenshot(drawn, width, 400, "--blink-settings=preferredColorScheme=0")
    assert (dark[0, 0] < 64).all()


@pytest.mark.browser
def test_the_browser_tells_what_is_wrong(drawn: Path) -> None:
    """A page that would load a picture, run a script or is too wide is told from a good one."""
    text = drawn.read_text()
    bad = (
        '<img src="https://a.invalid/x.png"><script>alert(1)</script><p style="width:2000px">x</p>'
    )
    drawn.write_text(text.replace("</body>", f"{bad}</body>"))
    assert len(browser.console(drawn)) >= 2
    assert browser.layout(drawn, 420)["width"] >= 2000
