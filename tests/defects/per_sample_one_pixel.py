"""Torch's defect per-sample-one-pixel.

Symptom: per-sample gradients of conv2d refuse channels_last images of one pixel where torch does
not ask oneDNN: slow_conv2d: grad_weight must be contiguous.

Seen with torch 2, device_name cpu.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import torch
from torch.nn.functional import conv2d

x = torch.empty(2, 2, 1, 1, dtype=torch.float64, memory_format=torch.channels_last).fill_(1)
w = torch.ones(1, 2, 1, 2, dtype=torch.float64)


def loss(w, image):
    return conv2d(image[None], w, padding=(0, 1)).sum()


found = torch.vmap(torch.func.grad(loss), (None, 0))(w, x)
expected = torch.ones(2, 1, 2, 1, 2, dtype=torch.float64)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
