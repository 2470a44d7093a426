"""Torch's defect vmap-empty-batch-of-weights.

Symptom: torch.vmap of conv2d over an empty batch of inputs and weights asks for 0 groups.

Seen with torch 2.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import torch
from torch.nn.functional import conv2d

x = torch.ones(0, 1, 1, 1)
w = torch.ones(1, 1, 1, 1)
found = torch.vmap(conv2d)(x, w.expand(len(x), *w.shape))
expected = torch.ones(0, 1, 1, 1)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
