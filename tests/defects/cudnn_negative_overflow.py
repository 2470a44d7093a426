"""Torch's defect cudnn-negative-overflow.

Symptom: cuDNN's implicit GEMM kernels for float16 return 0 in place of -inf (the kernels
sm80_xmma_fprop_implicit_gemm_indexed_wo_smem_f16f16_f16f32_f32).

Seen with device_name NVIDIA, cudnn 919.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import math
import sys

import torch
from torch.nn.functional import conv2d

if not torch.cuda.is_available():
    sys.exit(2)
torch.set_default_device("cuda")
x = torch.empty(1, 8, 5, 5, dtype=torch.float16, memory_format=torch.channels_last).fill_(256)
w = torch.full((3, 8, 3, 3), -256.0, dtype=torch.float16)
found = conv2d(x, w)
expected = torch.full((1, 3, 3, 3), -math.inf, dtype=torch.float16)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
