"""Torch's defect onednn-narrow-input-one-channel.

Symptom: the same for a single input channel, and for depthwise groups; those of few taps with
columns strided by 2 and little padding have a kernel of their own, which is right.

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

x = torch.empty(4, 7, 2, 1, dtype=torch.bfloat16, memory_format=torch.channels_last).fill_(1)
w = torch.ones(7, 1, 2, 2, dtype=torch.bfloat16).requires_grad_()
g = torch.ones(4, 7, 1, 1, dtype=torch.bfloat16)
found = conv2d(x, w, stride=(1, 3), padding=(0, 1), groups=7)
(found,) = torch.autograd.grad(found, w, g)
expected = torch.tensor(
    [
        [[[0.0, 4.0], [0.0, 4.0]]],
        [[[0.0, 4.0], [0.0, 4.0]]],
        [[[0.0, 4.0], [0.0, 4.0]]],
        [[[0.0, 4.0], [0.0, 4.0]]],
        [[[0.0, 4.0], [0.0, 4.0]]],
        [[[0.0, 4.0], [0.0, 4.0]]],
        [[[0.0, 4.0], [0.0, 4.0]]],
    ],
    dtype=torch.bfloat16,
)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
