"""Torch's defect torch-meta-operand.

Symptom: a weight or bias on meta beside an input on the CPU gives memory that was never written, an
input on meta beside them a result on meta; complex operands are refused.

Seen with torch 2.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch
from torch.nn.functional import conv2d

x = torch.ones(1, 1, 3, 3)
w = torch.ones(1, 1, 3, 3)
b = torch.ones(1)

# All of these are to be refused.
calls = {
    "weight on meta": lambda: conv2d(x, w.to("meta"), b),
    "bias on meta": lambda: conv2d(x, w, b.to("meta")),
    "input on meta": lambda: conv2d(x.to("meta"), w, b),
}
there = False
for name, call in calls.items():
    try:
        print(f"{name}: answered with shape {tuple(call().shape)}")
        there = True
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        print(f"{name}: refused, {error}")
    except Exception as error:
        print(f"{name}: {type(error).__name__}, {error}")
        there = True
sys.exit(there)
