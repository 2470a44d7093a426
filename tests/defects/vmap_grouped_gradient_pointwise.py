"""Torch's defect vmap-grouped-gradient-pointwise.

Symptom: the same where torch.vmap goes over a batch of one: it hands over the image alone.

Seen with torch 2.13, device_name cpu.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import torch
from torch.nn.functional import conv2d

x = torch.empty(1, 4, 1, 2, memory_format=torch.channels_last).copy_(
    torch.tensor([[[[3.0, 3.0]], [[-2.0, 1.0]], [[4.0, -3.0]], [[-1.0, 4.0]]]])
)
w = (
    torch.empty(2, 2, 1, 1, memory_format=torch.channels_last)
    .copy_(torch.tensor([[[[3.0]], [[3.0]]], [[[-2.0]], [[1.0]]]]))
    .requires_grad_()
)
g = torch.tensor([[[[3.0, 3.0]], [[-2.0, 1.0]]]])
found = torch.vmap(lambda image: conv2d(image, w, groups=2))(x)
(found,) = torch.autograd.grad(found, w, g)
expected = torch.tensor([[[[18.0]], [[-3.0]]], [[[-11.0]], [[6.0]]]])

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
