"""Torch's defect torch-odd-weight-float16.

Symptom: slow_conv2d: grad_weight must be contiguous: torch's own kernel refuses the gradient of a
weight that is channels_last but for the strides of extents of one, as `unsqueeze` makes it, with a
channels_last input.

Seen with torch 2.13, device_name cpu, onednn.float16 False.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import torch
from torch.nn.functional import conv2d

torch.backends.mkldnn.enabled = False
x = torch.empty(1, 2, 2, 3, dtype=torch.float16, memory_format=torch.channels_last).copy_(
    torch.tensor([[[[3.0, 3.0, -2.0], [1.0, 4.0, -3.0]], [[-1.0, 4.0, 4.0], [-1.0, 3.0, 3.0]]]])
)
w = (
    torch.empty_strided((1, 2, 1, 2), (1, 1, 1, 2), dtype=torch.float16)
    .copy_(torch.tensor([[[[3.0, 3.0]], [[-2.0, 1.0]]]]))
    .requires_grad_()
)
g = torch.tensor([[[[3.0, 3.0], [-2.0, 1.0]]]], dtype=torch.float16)
found = conv2d(x, w)
(found,) = torch.autograd.grad(found, w, g)
expected = torch.tensor([[[[20.0, -8.0]], [[14.0, 21.0]]]], dtype=torch.float16)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
