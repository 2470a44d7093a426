"""Torch's defect onednn-narrow-input-contiguous.

Symptom: the same for contiguous tensors, which the kernel reads in blocks if a group has a multiple
of 16 input channels, or the only group more than 16.

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

x = torch.ones(2, 16, 4, 1, dtype=torch.bfloat16)
w = torch.ones(3, 16, 2, 2, dtype=torch.bfloat16).requires_grad_()
g = torch.ones(2, 3, 3, 1, dtype=torch.bfloat16)
found = conv2d(x, w, stride=(1, 2), padding=(0, 1))
(found,) = torch.autograd.grad(found, w, g)
expected = torch.tensor(
    [
        [
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
        ],
        [
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
        ],
        [
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
            [[0.0, 6.0], [0.0, 6.0]],
        ],
    ],
    dtype=torch.bfloat16,
)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
