"""Torch's defect torch-named-padding.

Symptom: with padding by name the bias may have any dtype, where oneDNN is not asked.

Seen with torch 2.13, device_name cpu.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch
from torch.nn.functional import conv2d

x = torch.ones(1, 1, 3, 3, dtype=torch.float64)
w = torch.ones(1, 1, 3, 3, dtype=torch.float64)
b = torch.ones(1, dtype=torch.float64)

# All of these are to be refused.
calls = {
    "dtype of bias": lambda: conv2d(x, w, b.to(torch.float32), padding="valid"),
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
