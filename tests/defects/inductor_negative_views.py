"""Torch's defect inductor-negative-views.

Symptom: code that Inductor generates reads what lies in memory of a view of negatives, such as
z.conj().imag: the sign of a bias is lost, and that of other operands where they are copied first.

Seen with torch 2.13, device_name cpu. Reported: https://github.com/pytorch/pytorch/issues/145093

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
x = torch.ones(1, 1, 1, 1)
w = torch.ones(1, 1, 1, 1)
b = torch._neg_view(torch.full((1,), -1.0))
found = torch.compile(conv2d)(x, w, b)
expected = torch.full((1, 1, 1, 1), 2.0)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
