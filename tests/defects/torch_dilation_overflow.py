"""Torch's defect torch-dilation-overflow.

Symptom: a dilation so large that the kernel's extent overflows 64 bits is answered.

Seen with torch 2.13, device_name cpu.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch
from torch.nn.functional import conv2d

x = torch.ones(1, 1, 3, 3, dtype=torch.float64)
w = torch.ones(1, 1, 3, 3, dtype=torch.float64)

# All of these are to be refused.
calls = {
    "overflowing dilation": lambda: conv2d(x, w, dilation=(4611686018427387904, 1)),
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
