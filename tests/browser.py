"""A headless Chromium: what it says of a page, and what it shows of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
NARROWEST = 500  # pixels of a window; a frame in it may be narrower
FRAME = """<!DOCTYPE html><meta name="color-scheme" content="light dark"><body style="margin:0">
<iframe style="width:{width}px; height:{height}px; border:0" srcdoc="{page}"></iframe>
<script>onload = () => {{
  const page = document.querySelector('iframe').contentDocument;
  document.body.dataset.probe = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    pictures: [...page.querySelectorAll('svg')].map(picture => {{
      const box = picture.getBoundingClientRect(); return [box.width, box.height] }}) }}) }}
</script>"""


def installed() -> str | None:
    """Return the path of a Chromium; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def _run(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    browser = installed()
    assert browser is not None
    profile = f"--user-data-dir={page.parent / 'profile'}"
    return subprocess.run(
        [browser, *QUIET, profile, *options, page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def _framed(page: Path, width: int, height: int) -> Path:
    """Return a page with this one in a frame of that size, which may look into it."""
    path = page.with_name(f"{page.stem}-{width}.html")
    text = escape(page.read_text(encoding="utf-8"))
    path.write_text(FRAME.format(width=width, height=height, page=text), encoding="utf-8")
    return path


def console(page: Path) -> list[str]:
    """Return what the page makes the console say: errors, and whatever it may not load."""
    said = _run(page, "--enable-logging=stderr", "--dump-dom").stderr
    return [line for line in said.splitlines() if "CONSOLE" in line]


def layout(page: Path, width: int) -> dict[str, Any]:
    """Return the width of all that is on the page and the size of each picture, in CSS pixels."""
    found = re.search('data-probe="([^"]*)"', _run(_framed(page, width, 1000), "--dump-dom").stdout)
    assert found is not None
    return dict(json.loads(unescape(found[1])))


def screenshot(page: Path, width: int, height: int, *options: str) -> npt.NDArray[np.uint8]:
    """Return the top of the page as (height, width, 3) bytes."""
    from matplotlib.image import imread

    path = page.with_suffix(".png")
    size = f"--window-size={max(width, NARROWEST)},{height}"
    _run(_framed(page, width, height), size, f"--screenshot={path}", *options)
    return np.asarray(np.round(imread(path)[:, :width, :3] * 255), np.uint8)
