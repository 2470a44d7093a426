"""Torch's defect onednn-pairs.

Symptom: an infinity or NaN also reaches the results of what lies before it in memory, in oneDNN's
bfloat16 convolution of an odd number of channels per group, and in gradients of the weight by an
odd number of columns: the last is multiplied by it times zero in the instruction VDPBF16PS for two
products (AVX-512 kernels).

Seen with torch 2.13, device_name cpu, onednn.bfloat16 True, cpu AVX512.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import math
import sys

import torch
from torch.nn.functional import conv2d

if (
    torch.backends.cpu.get_cpu_capability() != "AVX512"
    or not torch.ops.mkldnn._is_mkldnn_bf16_supported()
):
    sys.exit(2)
x = torch.empty(1, 3, 1, 3, dtype=torch.bfloat16, memory_format=torch.channels_last).copy_(
    torch.tensor([[[[1.0, math.nan, 1.0]], [[1.0, 1.0, 1.0]], [[1.0, 1.0, 1.0]]]])
)
w = torch.ones(1, 3, 1, 1, dtype=torch.bfloat16)
found = conv2d(x, w)
expected = torch.tensor([[[[3.0, math.nan, 3.0]]]], dtype=torch.bfloat16)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
