"""Torch's defect pytorch-195394.

Symptom: SIGSEGV in oneDNN's channels_last float32 convolution with bias, when every output column
reads only padding and the dilation exceeds the width.

Seen with torch 2.13, device_name cpu, onednn.enabled True. Reported:
https://github.com/pytorch/pytorch/issues/195394

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import multiprocessing
import sys

import torch
from torch.nn.functional import conv2d

if not torch.backends.mkldnn.is_available():
    sys.exit(2)


def call():
    x = torch.empty(1, 8, 8, 1, memory_format=torch.channels_last).fill_(1)
    w = torch.ones(4, 2, 1, 1)
    b = torch.ones(4)
    found = conv2d(x, w, b, stride=(1, 2), padding=(0, 1), dilation=(3, 3), groups=4)


child = multiprocessing.get_context("fork").Process(target=call)
child.start()
child.join()
print("exit status of the call:", child.exitcode)
sys.exit(child.exitcode != 0)
