"""Torch's defect pytorch-195394-float16.

Symptom: the same crash in float16, in every memory layout and with any number of groups.

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
    x = torch.ones(1, 8, 8, 1, dtype=torch.float16)
    w = torch.ones(4, 2, 1, 1, dtype=torch.float16)
    found = conv2d(x, w, stride=(1, 2), padding=(0, 1), dilation=(3, 3), groups=4)


child = multiprocessing.get_context("fork").Process(target=call)
child.start()
child.join()
print("exit status of the call:", child.exitcode)
sys.exit(child.exitcode != 0)
