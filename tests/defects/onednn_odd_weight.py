"""Torch's defect onednn-odd-weight.

Symptom: wrong results and gradients of the input in oneDNN's grouped convolution of a channels_last
input, for a weight that is channels_last but for the strides of extents of one, as `unsqueeze`
makes it: it is read as if contiguous.

Seen with torch 2.13, device_name cpu, onednn.enabled True.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch
from torch.nn.functional import conv2d

if not torch.backends.mkldnn.is_available():
    sys.exit(2)
x = torch.empty(1, 4, 2, 3, memory_format=torch.channels_last).copy_(
    torch.tensor(
        [
            [
                [[3.0, 3.0, -2.0], [1.0, 4.0, -3.0]],
                [[-1.0, 4.0, 4.0], [-1.0, 3.0, 3.0]],
                [[1.0, 4.0, -2.0], [1.0, 2.0, -3.0]],
                [[-1.0, -3.0, 2.0], [4.0, -3.0, 1.0]],
            ]
        ]
    )
)
w = torch.empty_strided((2, 2, 1, 2), (4, 1, 1, 2)).copy_(
    torch.tensor([[[[3.0, 3.0]], [[-2.0, 1.0]]], [[[4.0, -3.0]], [[-1.0, 4.0]]]])
)
found = conv2d(x, w, groups=2)
expected = torch.tensor([[[[24.0, -1.0], [20.0, 0.0]], [[-19.0, 33.0], [-18.0, 24.0]]]])

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
