"""Torch's defect compile-conjugated-gradient.

Symptom: torch.compile's backward of a complex convolution ends with `view_as_real doesn't work on
unresolved conjugated tensors` where the incoming gradient is a conjugate view, as a loss of
y.conj() makes it, with the strides that were foreseen; eager torch answers.

Seen with torch 2.13, device_name cpu.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import torch
from torch.nn.functional import conv2d

x = torch.full((1, 1, 1, 1), (1 + 1j), dtype=torch.complex64)
w = torch.full((1, 1, 1, 1), (1 + 1j), dtype=torch.complex64).requires_grad_()
g = torch.full((1, 1, 1, 1), (1 - 1j), dtype=torch.complex64).conj()
found = torch.compile(conv2d, backend="aot_eager")(x, w)
(found,) = torch.autograd.grad(found, w, g)
expected = torch.full((1, 1, 1, 1), (2 + 0j), dtype=torch.complex64)

print("found   ", found.flatten().tolist())
print("expected", expected.flatten().tolist())
torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
