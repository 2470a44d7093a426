"""Torch's defect cudnn-one-pixel-column.

Symptom: cuDNN's channels_last convolution of one pixel by a column of taps, to one result of one
channel, takes the weight in another order than it has in memory.

Seen with device_name NVIDIA, cudnn 919.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch
from torch.nn.functional import conv2d

if not torch.cuda.is_available():
    sys.exit(2)
torch.set_default_device("cuda")
x = torch.empty(1, 4, 1, 1, memory_format=torch.channels_last).copy_(
    torch.tensor([[[[3.0]], [[3.0]], [[-2.0]], [[1.0]]]])
)
w = torch.tensor(
    [
        [
            [[3.0], [3.0], [-2.0]],
            [[1.0], [4.0], [-3.0]],
            [[-1.0], [4.0], [4.0]],
            [[-1.0], [3.0], [3.0]],
        ]
    ]
)
found = conv2d(x, w, padding=(1, 0))
expected = torch.full((1, 1, 1, 1), 16.0)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
