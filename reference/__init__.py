"""The oracle: 2-D convolution and its gradients, with every value that a kernel may return.

NumPy only. `conv2d_loops` is the definition; `conv2d` is what to compare a kernel's output with,
`enclose_conv2d` says how far from it a kernel of a declared arithmetic may be, and `conv2d_exact`
is the exact result rounded once.
"""

from reference.arithmetic import FLOAT32, FLOAT64, Arithmetic, gamma
from reference.convolution import conv2d, conv2d_flipped, conv2d_pointwise
from reference.enclosure import Enclosure
from reference.enclosures import (
    enclose_conv2d,
    enclose_conv2d_bias,
    enclose_conv2d_input,
    enclose_conv2d_weight,
)
from reference.exact import (
    conv2d_bias_exact,
    conv2d_exact,
    conv2d_input_exact,
    conv2d_weight_exact,
)
from reference.gradients import conv2d_bias, conv2d_input, conv2d_weight
from reference.loops import (
    conv2d_bias_loops,
    conv2d_input_loops,
    conv2d_loops,
    conv2d_weight_loops,
    corr2d,
)
from reference.padding import pad
from reference.params import Conv2dParams, output_size
from reference.receptive import receptive_field

__all__ = [
    "FLOAT32",
    "FLOAT64",
    "Arithmetic",
    "Conv2dParams",
    "Enclosure",
    "conv2d",
    "conv2d_bias",
    "conv2d_bias_exact",
    "conv2d_bias_loops",
    "conv2d_exact",
    "conv2d_flipped",
    "conv2d_input",
    "conv2d_input_exact",
    "conv2d_input_loops",
    "conv2d_loops",
    "conv2d_pointwise",
    "conv2d_weight",
    "conv2d_weight_exact",
    "conv2d_weight_loops",
    "corr2d",
    "enclose_conv2d",
    "enclose_conv2d_bias",
    "enclose_conv2d_input",
    "enclose_conv2d_weight",
    "gamma",
    "output_size",
    "pad",
    "receptive_field",
]
