"""The same implementations with one fault each, of a line: what must be found through the wrapper.

A module is imported when it is called, for it may not be installed.
"""

from __future__ import annotations

from typing import Any


def unfold_swaps_strides(x: Any, w: Any, b: Any, stride: Any, *rest: Any) -> Any:
    """Use the stride of the columns for the rows."""
    from tests.outside.unfold_matmul import conv2d

    return conv2d(x, w, b, stride[::-1], *rest)


def numpy_flips(x: Any, w: Any, *rest: Any) -> Any:
    """Convolve in place of cross-correlate."""
    from tests.outside.numpy_taps import conv2d

    return conv2d(x, w.flip(2, 3), *rest)


def compiled_negates(*arguments: Any) -> Any:
    """Return the negative of the output."""
    from tests.outside.compiled import conv2d

    return -conv2d(*arguments)


def onnx_swaps_strides(x: Any, w: Any, b: Any, stride: Any, *rest: Any) -> Any:
    """Use the stride of the columns for the rows, in ONNX's evaluator."""
    from tests.outside.onnx_evaluator import conv2d

    return conv2d(x, w, b, stride[::-1], *rest)


def runtime_swaps_strides(x: Any, w: Any, b: Any, stride: Any, *rest: Any) -> Any:
    """Use the stride of the columns for the rows, in onnxruntime."""
    from tests.outside.onnx_conv import conv2d

    return conv2d(x, w, b, stride[::-1], *rest)


def jax_adds_bias_twice(x: Any, w: Any, b: Any, *rest: Any) -> Any:
    """Add the bias twice."""
    from tests.outside.jax_lax import conv2d

    return conv2d(x, w, None if b is None else 2 * b, *rest)


def triton_drops_last_tap(x: Any, w: Any, *rest: Any) -> Any:
    """Leave out the last tap, as a loop that ends one early."""
    from tests.outside.triton_kernel import conv2d

    w = w.clone()
    w[..., -1, -1] = 0
    return conv2d(x, w, *rest)
