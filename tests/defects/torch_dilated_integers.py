"""Torch's defect torch-dilated-integers.

Symptom: integers of fewer than 64 bits have no dilated convolution: NotImplementedError.

Seen with device_name cpu.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import torch
from torch.nn.functional import conv2d

x = torch.ones(1, 1, 1, 1, dtype=torch.int8)
w = torch.ones(1, 1, 1, 1, dtype=torch.int8)
found = conv2d(x, w, dilation=(2, 2))
expected = torch.ones(1, 1, 1, 1, dtype=torch.int8)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
