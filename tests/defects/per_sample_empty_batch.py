"""Torch's defect per-sample-empty-batch.

Symptom: per-sample gradients of conv2d over an empty batch raise, by the same rule.

Seen with torch 2.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import torch
from torch.nn.functional import conv2d

x = torch.ones(0, 1, 1, 1)
w = torch.ones(1, 1, 1, 1)


def loss(w, image):
    return conv2d(image[None], w).sum()


found = torch.vmap(torch.func.grad(loss), (None, 0))(w, x)
expected = torch.ones(0, 1, 1, 1, 1)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
