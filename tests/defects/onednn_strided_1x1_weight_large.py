"""Torch's defect onednn-strided-1x1-weight-large.

Symptom: writes past its scratch memory in the gradient of weight or bias of a strided 1x1 kernel,
channels_last with fewer than 16 input channels, for large images also in float32.

Seen with torch 2.13, device_name cpu, onednn.enabled True, cpu AVX512.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import multiprocessing
import sys

import torch
from torch.nn.functional import conv2d

if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkldnn.is_available():
    sys.exit(2)


def call():
    x = torch.empty(1, 1, 256, 256, memory_format=torch.channels_last).fill_(1)
    w = torch.ones(1, 1, 1, 1).requires_grad_()
    g = torch.ones(1, 1, 128, 128)
    found = conv2d(x, w, stride=(2, 2))
    (found,) = torch.autograd.grad(found, w, g)


child = multiprocessing.get_context("fork").Process(target=call)
child.start()
child.join()
print("exit status of the call:", child.exitcode)
sys.exit(child.exitcode != 0)
