"""Torch's defect onednn-wide-stride.

Symptom: SIGSEGV or SIGFPE in the gradient of the input of oneDNN's strided kernels
(brgconv_strided), whose code is made column by column of the stride: from about 4000 on it takes a
second, from 8192 on it ends the process or is never ready; for 2^31 and more oneDNN takes other
kernels. So in bfloat16 and float16.

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
    x = torch.ones(16, 32, 1, 1).requires_grad_()
    w = torch.ones(32, 32, 1, 1)
    g = torch.ones(16, 32, 1, 1)
    found = conv2d(x, w, stride=(1, 1048576))
    (found,) = torch.autograd.grad(found, x, g)


child = multiprocessing.get_context("fork").Process(target=call)
child.start()
child.join()
print("exit status of the call:", child.exitcode)
sys.exit(child.exitcode != 0)
