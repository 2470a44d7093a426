"""What the script of a violation has in addition where the implementation claims to be its own."""

from __future__ import annotations

from pathlib import Path

from properties import fallback

# Of `properties.fallback` all below its imports goes into a script, between `problems` and `main`.
FIRST, MAIN = "# Torch's own namespaces", 'if __name__ == "__main__":'
ADDED = '''\
# The implementation claims to run no convolution of torch's.
from typing import Any

judged = problems


def problems(torch):
    """Yield everything that is wrong, and what torch computed for the implementation."""
    importlib.import_module(TARGET.partition(":")[0])  # what it does then is no call
    with convolutions(torch) as ran:
        found = list(judged(torch))
    yield from found
    yield from (f"the call ran torch's own {name}" for name in sorted(ran))


'''


def watching(script: str) -> str:
    """Return a script that fails on torch's convolutions, too."""
    source = Path(fallback.__file__).read_text()
    head, main = script.rsplit(MAIN, 1)
    return f"{head}{ADDED}{source[source.index(FIRST) :]}\n\n{MAIN}{main}"
