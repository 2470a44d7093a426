"""Torch's defect pytorch-195394-float16-second.

Symptom: the same crash in double backward, which computes the second gradient of the weight by a
convolution with stride and dilation exchanged.

Seen with torch 2.13, device_name cpu, onednn.float16 True. Reported:
https://github.com/pytorch/pytorch/issues/195394

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import multiprocessing
import sys

import torch
from torch.nn.functional import conv2d

if not torch.ops.mkldnn._is_mkldnn_fp16_supported():
    sys.exit(2)


def call():
    x = torch.ones(5, 2, 1, 1, dtype=torch.float16).requires_grad_()
    w = torch.ones(2, 2, 1, 1, dtype=torch.float16).requires_grad_()
    g = torch.ones(5, 2, 1, 1, dtype=torch.float16)
    dx = torch.ones(5, 2, 1, 1, dtype=torch.float16)
    dw = torch.ones(2, 2, 1, 1, dtype=torch.float16)
    y = conv2d(x, w, stride=(4, 3), padding=(1, 1), dilation=(1, 2))
    of_x, of_w = torch.autograd.grad(y, (x, w), g, create_graph=True)
    (found,) = torch.autograd.grad((dx * of_x).sum() + (dw * of_w).sum(), x)


child = multiprocessing.get_context("fork").Process(target=call)
child.start()
child.join()
print("exit status of the call:", child.exitcode)
sys.exit(child.exitcode != 0)
