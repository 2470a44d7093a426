"""Torch's defect torch-no-channels-gradients.

Symptom: without input channels there is no backward pass, since no grad_output fits the output
without channels.

Seen with torch 2.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import torch
from torch.nn.functional import conv2d

x = torch.ones(1, 0, 3, 3)
w = torch.ones(2, 0, 2, 2).requires_grad_()
g = torch.ones(1, 2, 2, 2)
found = conv2d(x, w)
(found,) = torch.autograd.grad(found, w, g)
expected = torch.ones(2, 0, 2, 2)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
