"""Torch's defect onednn-odd-weight-second.

Symptom: the same in double backward, where grad_output is channels_last: the second gradient of the
input is a transposed convolution of it by the direction of the weight.

Seen with torch 2.13, device_name cpu, onednn.enabled True.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch
from torch.nn.functional import conv2d

if not torch.backends.mkldnn.is_available():
    sys.exit(2)
x = torch.tensor(
    [
        [
            [[3.0, 3.0, -2.0], [1.0, 4.0, -3.0]],
            [[-1.0, 4.0, 4.0], [-1.0, 3.0, 3.0]],
            [[1.0, 4.0, -2.0], [1.0, 2.0, -3.0]],
            [[-1.0, -3.0, 2.0], [4.0, -3.0, 1.0]],
        ]
    ]
).requires_grad_()
w = (
    torch.empty_strided((2, 2, 1, 2), (4, 1, 1, 2))
    .copy_(torch.tensor([[[[3.0, 3.0]], [[-2.0, 1.0]]], [[[4.0, -3.0]], [[-1.0, 4.0]]]]))
    .requires_grad_()
)
g = torch.empty(1, 2, 2, 2, memory_format=torch.channels_last).copy_(
    torch.tensor([[[[3.0, 3.0], [-2.0, 1.0]], [[4.0, -3.0], [-1.0, 4.0]]]])
)
dx = torch.tensor(
    [
        [
            [[3.0, 3.0, -2.0], [1.0, 4.0, -3.0]],
            [[-1.0, 4.0, 4.0], [-1.0, 3.0, 3.0]],
            [[1.0, 4.0, -2.0], [1.0, 2.0, -3.0]],
            [[-1.0, -3.0, 2.0], [4.0, -3.0, 1.0]],
        ]
    ]
)
dw = torch.empty_strided((2, 2, 1, 2), (4, 1, 1, 2)).copy_(
    torch.tensor([[[[3.0, 3.0]], [[-2.0, 1.0]]], [[[4.0, -3.0]], [[-1.0, 4.0]]]])
)
y = conv2d(x, w, groups=2)
of_x, of_w = torch.autograd.grad(y, (x, w), g, create_graph=True)
(found,) = torch.autograd.grad((dx * of_x).sum() + (dw * of_w).sum(), x)
expected = torch.tensor(
    [
        [
            [[9.0, 18.0, 9.0], [-6.0, -3.0, 3.0]],
            [[-6.0, -3.0, 3.0], [4.0, -4.0, 1.0]],
            [[16.0, -24.0, 9.0], [-4.0, 19.0, -12.0]],
            [[-4.0, 19.0, -12.0], [1.0, -8.0, 16.0]],
        ]
    ]
)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
