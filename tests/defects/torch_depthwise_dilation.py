"""Torch's defect torch-depthwise-dilation.

Symptom: torch's own depthwise kernels for CUDA take a dilation of zero, and one so large that the
kernel's extent overflows 64 bits, in 2^63-1 with an illegal memory access.

Seen with torch 2, device_name NVIDIA.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch
from torch.nn.functional import conv2d

if not torch.cuda.is_available():
    sys.exit(2)
torch.set_default_device("cuda")
x = torch.ones(1, 2, 5, 5)
w = torch.ones(2, 1, 3, 3)

# All of these are to be refused.
calls = {
    "zero dilation": lambda: conv2d(x, w, dilation=(0, 1), groups=2),
    "overflowing dilation": lambda: conv2d(x, w, dilation=(4611686018427387904, 1), groups=2),
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
