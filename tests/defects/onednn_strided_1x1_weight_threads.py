"""Torch's defect onednn-strided-1x1-weight-threads.

Symptom: the same with several threads, which share the images, in float32 too: of more than 16
outputs in blocks of 8 that are not full, also where one thread writes nothing past its memory.

Seen with torch 2.13, device_name cpu, onednn.bfloat16 True, cpu AVX512.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import multiprocessing
import sys

import torch
from torch.nn.functional import conv2d

if (
    torch.backends.cpu.get_cpu_capability() != "AVX512"
    or not torch.ops.mkldnn._is_mkldnn_bf16_supported()
):
    sys.exit(2)


def call():
    torch.set_num_threads(4)
    x = torch.empty(5, 5, 6, 126, dtype=torch.bfloat16, memory_format=torch.channels_last).fill_(1)
    w = torch.ones(3, 5, 1, 1, dtype=torch.bfloat16).requires_grad_()
    g = torch.ones(5, 3, 3, 63, dtype=torch.bfloat16)
    found = conv2d(x, w, stride=(2, 2))
    (found,) = torch.autograd.grad(found, w, g)


child = multiprocessing.get_context("fork").Process(target=call)
child.start()
child.join()
print("exit status of the call:", child.exitcode)
sys.exit(child.exitcode != 0)
