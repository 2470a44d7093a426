"""The oracle: 2-D convolution and its gradients, with every value that a kernel may return.

NumPy only. `conv2d_loops` is the definition; `conv2d` is what to compare a kernel's output with,
`enclose_conv2d` says how far from it a kernel of a declared arithmetic may be, and `conv2d_exact`
is the exact result rounded once. Complex64 and complex128 are computed in FLOAT32 and FLOAT64.
"""

from reference.arithmetic import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    TF32,
    Arithmetic,
    gamma,
)
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
from reference.formats import BINARY16, BINARY32, BINARY64, BRAIN16, TENSOR32, Format
from reference.gradients import conv2d_bias, conv2d_input, conv2d_weight
from reference.integers import INT8, INT16, INT32, INT64, UINT8, Modular
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
    "BFLOAT16",
    "BINARY16",
    "BINARY32",
    "BINARY64",
    "BRAIN16",
    "FLOAT16",
    "FLOAT32",
    "FLOAT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "TENSOR32",
    "TF32",
    "UINT8",
    "Arithmetic",
    "Conv2dParams",
    "Enclosure",
    "Format",
    "Modular",
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
