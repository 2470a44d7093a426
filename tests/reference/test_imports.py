"""The oracle stands alone: NumPy, and nothing of what it judges."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import reference

PACKAGE = Path(reference.__file__).parent
FORBIDDEN = ("torch", "hypothesis", "pytest", "scipy", "properties")


def _forbidden_after(statement: str) -> list[str]:
    """Return which forbidden modules a fresh interpreter has loaded after a statement."""
    code = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n{statement}\n"
    code += f"print(*[name for name in {FORBIDDEN!r} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return run.stdout.split()


def test_the_oracle_loads_numpy_only() -> None:
    """Importing and calling the oracle loads neither torch nor a test tool."""
    call = "import reference; reference.conv2d([[[1.0]]], [[[[2.0]]]], padding_mode='reflect')"
    assert _forbidden_after(call) == []


def test_the_import_check_can_fail() -> None:
    """A module that does load a forbidden one is noticed."""
    assert _forbidden_after("import reference, hypothesis") == ["hypothesis"]


def test_every_name_is_documented_and_sorted() -> None:
    """The public names exist, and each function and class says what it is."""
    for name in reference.__all__:
        value = getattr(reference, name)
        assert value.__doc__, name
    assert len(set(reference.__all__)) == len(reference.__all__)
