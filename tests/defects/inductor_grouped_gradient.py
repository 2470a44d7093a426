"""Torch's defect inductor-grouped-gradient.

Symptom: wrong gradients of grouped weights in float64, for a batch that is channels_last but for
the strides of extents of one: torch-grouped-gradient for weights of any format, since Inductor
makes them channels_last.

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
x = torch.empty_strided((2, 4, 2, 1), (8, 1, 4, 1), dtype=torch.float64).copy_(
    torch.tensor(
        [
            [[[3.0], [3.0]], [[-2.0], [1.0]], [[4.0], [-3.0]], [[-1.0], [4.0]]],
            [[[4.0], [-1.0]], [[3.0], [3.0]], [[1.0], [4.0]], [[-2.0], [1.0]]],
        ]
    )
)
w = torch.tensor(
    [[[[3.0], [3.0]], [[-2.0], [1.0]]], [[[4.0], [-3.0]], [[-1.0], [4.0]]]], dtype=torch.float64
).requires_grad_()
g = torch.tensor([[[[3.0]], [[3.0]]], [[[-2.0]], [[1.0]]]], dtype=torch.float64)
found = torch.compile(conv2d)(x, w, groups=2)
(found,) = torch.autograd.grad(found, w, g)
expected = torch.tensor(
    [[[[1.0], [11.0]], [[-12.0], [-3.0]]], [[[13.0], [-5.0]], [[-5.0], [13.0]]]],
    dtype=torch.float64,
)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
