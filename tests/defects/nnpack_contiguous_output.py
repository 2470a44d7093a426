"""Torch's defect nnpack-contiguous-output.

Symptom: a contiguous output although the input or the weight is channels_last, from NNPACK, which
torch asks from 16 images on where there is no oneDNN.

Seen with torch 2.13, device_name cpu, onednn.enabled False.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch
from torch.nn.functional import conv2d

torch.backends.mkldnn.enabled = False
x = torch.empty(16, 2, 2, 2, memory_format=torch.channels_last).fill_(1)
w = torch.ones(2, 2, 1, 1)
found = conv2d(x, w)
expected = (8, 1, 4, 2)

print("found   ", found.stride())
print("expected", expected)
sys.exit(found.stride() != expected)
