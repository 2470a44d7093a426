"""The import names `properties` and `reference`: other distributions have them too.

Where two share an environment, pip lets one overwrite files of the other. Standard library only:
with another `reference` in the way hardly any module of this package can be imported.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

OURS = "conv2d-properties"
NAMES = ("properties", "reference")
ROOT = Path(__file__).parent.parent


def require_own_names() -> None:
    """Require both names to be this distribution's alone; ValueError says whose they are too.

    Takes some 0.1 s.
    """
    owners = packages_distributions()
    if text := shadowed(imported("reference"), owners) or shared(owners):
        raise ValueError(text)


def imported(name: str) -> str | None:
    """Return the file that is, or would be, imported by this name; None if there is none."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None)
    spec = find_spec(name)
    return spec.origin if spec is not None else None


def shadowed(file: str | None, owners: Mapping[str, Sequence[str]], root: Path = ROOT) -> str:
    """Return what is wrong if `file`, imported as `reference`, is not the one in `root`; or ""."""
    own = root / "reference" / "__init__.py"
    if file is not None and Path(file).resolve() == own.resolve():
        return ""
    others = _others(owners.get("reference", ()))
    whose = f", which belongs to {' and '.join(others)}" if others else ""
    cure = f"uninstall {' and '.join(others)}" if others else "rename it"
    return (
        f"`import reference` finds {file or 'nothing'}{whose}, and not {own}, which belongs to "
        f"{OURS}: {cure}, or put {root} before it on PYTHONPATH"
    )


def shared(owners: Mapping[str, Sequence[str]]) -> str:
    """Return what is wrong if other distributions own a name beside this one, installed; or "".

    One that is not installed, a checkout, has its files to itself.
    """
    for name in NAMES:
        others = _others(owners.get(name, ()))
        if others and OURS in owners.get(name, ()):
            return (
                f"the package `{name}` belongs to {OURS} and to {' and '.join(others)}, which may "
                f"have overwritten each other's files: pip uninstall {' '.join(others)}, then pip "
                f"install --force-reinstall --no-deps {OURS}; or give each its own environment"
            )
    return ""


def _others(owners: Sequence[str]) -> list[str]:
    return sorted(set(owners) - {OURS})
