"""Torch's defect torch-empty-batch.

Symptom: without images neither the dtypes, nor a dilation of zero, nor beside an input on CUDA a
weight or bias on the CPU is refused, and an empty kernel is an IndexError.

Seen with torch 2.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch
from torch.nn.functional import conv2d

x = torch.ones(0, 1, 3, 3)
w = torch.ones(1, 1, 3, 3)

# All of these are to be refused.
calls = {
    "dtype of weight": lambda: conv2d(x, w.to(torch.float64)),
    "dtype of input": lambda: conv2d(x.to(torch.float64), w),
    "zero dilation": lambda: conv2d(x, w, dilation=(0, 1)),
    "empty kernel": lambda: conv2d(x, torch.ones(1, 1, 0, 3, dtype=torch.float32)),
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
