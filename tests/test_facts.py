"""What a worker tells of the machine that it runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from properties.facts import driver
from properties.summary import described_device

OPEN = """NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (dvs)
GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)
"""
CLOSED = """NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104  Sat Aug 19 01:15:15 UTC 2023
GCC version:  gcc version 11.4.0
"""


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (OPEN, "570.86.15"),
        (CLOSED, "535.104"),
        ("GCC version:  gcc version 11.4.0\n", None),
        ("", None),
    ],
    ids=["open", "closed", "compiler only", "empty"],
)
def test_the_driver_is_the_version_of_its_kernel_module(
    text: str, version: str | None, tmp_path: Path
) -> None:
    """Either wording of the kernel's file gives the module's version, never the compiler's."""
    path = tmp_path / "version"
    path.write_text(text)
    assert driver(path) == version


def test_no_driver_is_none(tmp_path: Path) -> None:
    """Without the file, as on AMD's devices, nothing is told."""
    assert driver(tmp_path / "version") is None


def test_the_header_names_the_driver_where_it_is_told() -> None:
    """The line above a run has the driver between cuDNN and the flags, and no None."""
    flags = {"cudnn.conv.fp32_precision": "ieee", "cudnn.deterministic": True}
    facts = {"torch": "2.13.0", "device_name": "NVIDIA H100", "cuda": "13.0", "cudnn": 91900}
    facts |= {**flags, "cudnn.benchmark": False}
    assert "cuDNN 91900, driver 570.86.15, cudnn" in described_device(
        {**facts, "driver": "570.86.15"}
    )
    assert "driver" not in described_device({**facts, "driver": None})
