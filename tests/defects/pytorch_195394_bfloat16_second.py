"""Torch's defect pytorch-195394-bfloat16-second.

Symptom: the same in bfloat16, if that convolution's input, whose channels are the images, or its
weight, which is grad_output, is channels_last.

Seen with torch 2.13, device_name cpu, onednn.bfloat16 True. Reported:
https://github.com/pytorch/pytorch/issues/195394

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import multiprocessing
import sys

import torch
from torch.nn.functional import conv2d

if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
    sys.exit(2)


def call():
    x = (
        torch.empty_strided((5, 1, 1, 1), (1, 7, 7, 7), dtype=torch.bfloat16)
        .fill_(1)
        .requires_grad_()
    )
    w = torch.ones(2, 1, 1, 1, dtype=torch.bfloat16).requires_grad_()
    g = torch.ones(5, 2, 1, 1, dtype=torch.bfloat16)
    dx = torch.empty_strided((5, 1, 1, 1), (1, 7, 7, 7), dtype=torch.bfloat16).fill_(1)
    dw = torch.ones(2, 1, 1, 1, dtype=torch.bfloat16)
    y = conv2d(x, w, stride=(4, 3), padding=(1, 1), dilation=(1, 2))
    of_x, of_w = torch.autograd.grad(y, (x, w), g, create_graph=True)
    (found,) = torch.autograd.grad((dx * of_x).sum() + (dw * of_w).sum(), x)


child = multiprocessing.get_context("fork").Process(target=call)
child.start()
child.join()
print("exit status of the call:", child.exitcode)
sys.exit(child.exitcode != 0)
