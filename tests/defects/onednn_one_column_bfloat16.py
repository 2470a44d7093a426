"""Torch's defect onednn-one-column-bfloat16.

Symptom: the same wrong values in bfloat16, where the call need not be large and each of several
groups may have the one channel and several outputs.

Seen with torch 2.13, device_name cpu, onednn.bfloat16 True, cpu AVX512.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import ctypes
import sys

import torch
from torch.nn.functional import conv2d

if (
    torch.backends.cpu.get_cpu_capability() != "AVX512"
    or not torch.ops.mkldnn._is_mkldnn_bf16_supported()
):
    sys.exit(2)
# What is allocated from now on holds 0x7f, so that reads of unwritten memory show every time.
ctypes.CDLL(None).mallopt(-6, 0x80)  # M_PERTURB

x = torch.empty(1, 1, 8, 5, dtype=torch.bfloat16, memory_format=torch.channels_last).fill_(1)
w = torch.ones(16, 1, 3, 3, dtype=torch.bfloat16)
found = conv2d(x, w, stride=(1, 4))
expected = torch.full((1, 16, 6, 1), 9.0, dtype=torch.bfloat16)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
