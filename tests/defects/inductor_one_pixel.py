"""Torch's defect inductor-one-pixel.

Symptom: where torch does not ask oneDNN, gradients of a padded depthwise 1x1 convolution of several
images of one pixel end with the same error.

Seen with torch 2.13, device_name cpu.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch
from torch._inductor.cpp_builder import get_cpp_compiler
from torch.nn.functional import conv2d

try:
    get_cpp_compiler()
except RuntimeError:
    sys.exit(2)
x = torch.ones(2, 2, 1, 1, dtype=torch.float64)
w = torch.ones(2, 1, 1, 1, dtype=torch.float64).requires_grad_()
g = torch.ones(2, 2, 1, 3, dtype=torch.float64)
found = torch.compile(conv2d)(x, w, padding=(0, 1), groups=2)
(found,) = torch.autograd.grad(found, w, g)
expected = torch.full((2, 1, 1, 1), 2.0, dtype=torch.float64)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
