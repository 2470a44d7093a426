"""Torch's defect inductor-empty-batch.

Symptom: the gradient of the weight for an empty batch ends with `AssertionError: expected size ...,
stride ...`: Inductor foresees other strides than it has.

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
x = torch.ones(0, 2, 1, 2)
w = torch.ones(1, 2, 1, 2).requires_grad_()
g = torch.ones(0, 1, 1, 1)
found = torch.compile(conv2d)(x, w)
(found,) = torch.autograd.grad(found, w, g)
expected = torch.full((1, 2, 1, 2), 0.0)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
