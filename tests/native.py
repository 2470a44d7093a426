"""Torch's own convolution with oneDNN off, from the import of this module on."""

from __future__ import annotations

import torch
from torch.nn.functional import conv2d

# Not the context manager: the backward pass runs after the call has returned.
torch._C._set_mkldnn_enabled(False)

__all__ = ["conv2d"]
