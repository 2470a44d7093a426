"""Torch's defect onednn-strided-1x1-input.

Symptom: wrong gradients of the input of a strided 1x1 kernel with a dilation (which has no meaning
there, but makes oneDNN take jit_bf16_1x1), channels_last, if the output channels are odd in number
and 30 outputs are computed at once.

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

x = (
    torch.empty(1, 2, 4, 15, dtype=torch.bfloat16, memory_format=torch.channels_last)
    .fill_(1)
    .requires_grad_()
)
w = torch.ones(1, 2, 1, 1, dtype=torch.bfloat16)
g = torch.tensor(
    [
        [
            [
                [3.0, 3.0, -2.0, 1.0, 4.0, -3.0, -1.0, 4.0, 4.0, -1.0, 3.0, 3.0, 1.0, 4.0, -2.0],
                [1.0, 2.0, -3.0, -1.0, -3.0, 2.0, 4.0, -3.0, 1.0, -1.0, -4.0, 4.0, 4.0, -4.0, 1.0],
            ]
        ]
    ],
    dtype=torch.bfloat16,
)
found = conv2d(x, w, stride=(2, 1), dilation=(2, 1))
(found,) = torch.autograd.grad(found, x, g)
expected = torch.tensor(
    [
        [
            [
                [3.0, 3.0, -2.0, 1.0, 4.0, -3.0, -1.0, 4.0, 4.0, -1.0, 3.0, 3.0, 1.0, 4.0, -2.0],
                [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                [1.0, 2.0, -3.0, -1.0, -3.0, 2.0, 4.0, -3.0, 1.0, -1.0, -4.0, 4.0, 4.0, -4.0, 1.0],
                [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            ],
            [
                [3.0, 3.0, -2.0, 1.0, 4.0, -3.0, -1.0, 4.0, 4.0, -1.0, 3.0, 3.0, 1.0, 4.0, -2.0],
                [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                [1.0, 2.0, -3.0, -1.0, -3.0, 2.0, 4.0, -3.0, 1.0, -1.0, -4.0, 4.0, 4.0, -4.0, 1.0],
                [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            ],
        ]
    ],
    dtype=torch.bfloat16,
)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
