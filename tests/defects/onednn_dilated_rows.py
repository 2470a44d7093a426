"""Torch's defect onednn-dilated-rows.

Symptom: wrong gradients of the weight in oneDNN's channels_last bfloat16 convolution, if rows are
dilated, a group's last block of 16 input channels is not full and the output is wider than 28
columns: rows are read too far on, also past the end of the buffer (AVX-512 kernels).

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

x = torch.empty(1, 2, 2, 29, dtype=torch.bfloat16, memory_format=torch.channels_last).fill_(1)
w = torch.ones(2, 1, 1, 1, dtype=torch.bfloat16).requires_grad_()
g = torch.ones(1, 2, 2, 29, dtype=torch.bfloat16)
found = conv2d(x, w, dilation=(2, 1), groups=2)
(found,) = torch.autograd.grad(found, w, g)
expected = torch.full((2, 1, 1, 1), 58.0, dtype=torch.bfloat16)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
