"""`python -m tests.run_defects WITH NAME...`: runs scripts of tests/defects, each in its own fork.

Torch is imported once, and has made no convolution when a script starts. WITH is "stock", or the
name of a function here that takes the place of conv2d. Prints the exit statuses as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

FOLDER = Path(__file__).parent / "defects"

_stock: Any = functional.conv2d


def right(x: Any, weight: Any, bias: Any = None, *args: Any, **parameters: Any) -> Any:
    """Convolve plain float64 tensors: the way through torch on which none of the defects lies."""
    x64, weight64 = x.double().contiguous(), weight.double().contiguous()
    bias64 = None if bias is None else bias.double()
    return _stock(x64, weight64, bias64, *args, **parameters).to(x.dtype)


def refusing(*_: Any, **__: Any) -> Any:
    """Refuse every call."""
    raise RuntimeError("refused")


def run(path: Path) -> int:
    """Return the exit status of a script in a fork of this process."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1  # what Python ends with after an exception
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    try:
        runpy.run_path(str(path), run_name="__main__")
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        os._exit(status)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.testing.assert_close(1.0, 1.0)  # imports 500 modules: once
    if any(name.startswith("inductor") for name in sys.argv[2:]):
        importlib.import_module("torch._inductor.compile_fx")  # 1400 more
    if sys.argv[1] != "stock":
        for owner, name in ((functional, "conv2d"), (torch.nn.Conv2d, "forward")):
            setattr(owner, name, globals()[sys.argv[1]])
    print(json.dumps({name: run(FOLDER / f"{name}.py") for name in sys.argv[2:]}))
