"""`reference.conv2d` and enclosures against one float64 matrix product of the same contraction."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import reference
from properties.values import Float64, Recipe
from tests.benchmarks.timing import medians, milliseconds, table


@dataclass(frozen=True)
class Layer:
    """A convolution of a residual network, padded so that the size stays."""

    channels: int
    outputs: int
    kernel: int
    size: int
    batch: int = 4

    def __str__(self) -> str:
        shape = f"{self.channels}->{self.outputs} {self.kernel}x{self.kernel}"
        return f"{shape} {self.size}x{self.size} N={self.batch}"

    @property
    def padding(self) -> int:
        """Rows and columns added on each side."""
        return self.kernel // 2

    def operands(self) -> tuple[Float64, Float64]:
        """Return input and weight."""
        taps = (self.outputs, self.channels, self.kernel, self.kernel)
        size = (self.batch, self.channels, self.size, self.size)
        return Recipe("normal", 1).expand(size), Recipe("normal", 2).expand(taps)


LAYERS = (
    Layer(64, 64, 3, 56),
    Layer(128, 128, 3, 28),
    Layer(256, 256, 3, 14),
    Layer(512, 512, 3, 7),
    Layer(64, 256, 1, 56),
)
ARITHMETICS = (
    reference.FLOAT64,
    reference.FLOAT32,
    reference.TF32,
    reference.FLOAT16,
    reference.BFLOAT16,
)
Call = Callable[[], Any]


def run() -> None:
    """Print the median of each and its ratio to the matrix product."""
    columns = ["matmul", "reference.conv2d", "torch float64", "onnx evaluator", "scipy.signal"]
    rows = []
    for layer in LAYERS:
        calls = contestants(layer)
        times = medians(calls)
        row = [str(layer)]
        for name in columns:
            if name not in times:
                row.append("-")
            elif name == "matmul":
                row.append(milliseconds(times[name]))
            else:
                ratio = times[name] / times["matmul"]
                row.append(f"{milliseconds(times[name])} ({ratio:.3g}x)")
        rows.append(row)
    title = "Oracle: float64, one thread, padding = kernel // 2; ratios to one matrix product"
    table(title, ["layer", *columns], rows)
    _exact(LAYERS[0])
    _enclosures(LAYERS[0])


def _exact(layer: Layer) -> None:
    """Print what exact sums cost, and their ratios to the matrix product in the same run."""
    # Of all the bits that float64 has: a recipe's numbers have fewer, and take fewer slices.
    random = np.random.default_rng(1)
    outputs = layer.batch, layer.outputs, layer.size, layer.size
    x, w = (random.standard_normal(array.shape) for array in layer.operands())
    gy = random.standard_normal(outputs)
    single = x.astype(np.float32), w.astype(np.float32)
    by: dict[str, Any] = {"padding": layer.padding}
    calls: dict[str, Call] = {
        "matmul": _product(layer, w),
        "exact float64": lambda: reference.conv2d_exact(x, w, **by),
        "exact float32": lambda: reference.conv2d_exact(*single, **by),
        "exact float64, gradient of input": lambda: reference.conv2d_input_exact(
            x.shape, w, gy, **by
        ),
        "exact float64, gradient of weight": lambda: reference.conv2d_weight_exact(
            x, w.shape, gy, **by
        ),
    }
    times = medians(calls)
    rows = [[name, milliseconds(t), f"{t / times['matmul']:.3g}x"] for name, t in times.items()]
    table(f"Exact sums: {layer}", ["", "median", "ratio"], rows)


def _enclosures(layer: Layer) -> None:
    """Print what the enclosure of the output costs in each arithmetic, as a ratio to the same."""
    x, w = layer.operands()
    contraction = layer.channels * layer.kernel**2
    left = w.reshape(layer.outputs, contraction)
    right = Recipe("normal", 3).expand((contraction, layer.batch * layer.size**2))
    calls: dict[str, Call] = {"matmul": lambda: left @ right}
    for arithmetic in ARITHMETICS:
        calls[arithmetic.name] = _enclosure(layer, x, w, arithmetic)
    times = medians(calls)
    names = [arithmetic.name for arithmetic in ARITHMETICS]
    row = [f"{milliseconds(times[name])} ({times[name] / times['matmul']:.3g}x)" for name in names]
    table(f"enclose_conv2d, {layer}", ["", *names], [["", *row]])


def _enclosure(layer: Layer, x: Float64, w: Float64, arithmetic: reference.Arithmetic) -> Call:
    """Return the call that encloses the layer's output, on numbers of the arithmetic."""
    operands = arithmetic.output.round(x), arithmetic.output.round(w)
    options: Any = {"padding": layer.padding, "arithmetic": arithmetic}
    return lambda: reference.enclose_conv2d(*operands, **options)


def contestants(layer: Layer) -> dict[str, Call]:
    """Return what is installed, by name; all but the product compute the same convolution."""
    x, w = layer.operands()
    calls: dict[str, Call] = {
        "matmul": _product(layer, w),
        "reference.conv2d": lambda: reference.conv2d(x, w, padding=layer.padding),
    }
    for module, name, build in (
        ("torch", "torch float64", _torch),
        ("onnx", "onnx evaluator", _onnx),
        ("scipy", "scipy.signal", _scipy),
    ):
        if importlib.util.find_spec(module) is not None:
            calls[name] = build(layer, x, w)
    expected = reference.conv2d(x, w, padding=layer.padding)
    for name in calls.keys() - {"matmul", "scipy.signal"}:
        # A ratio means something only if the same numbers come out.
        np.testing.assert_allclose(np.asarray(calls[name]()), expected, atol=1e-9, err_msg=name)
    return calls


def _product(layer: Layer, w: Float64) -> Call:
    contraction = layer.channels * layer.kernel**2
    left = w.reshape(layer.outputs, contraction)
    right = Recipe("normal", 3).expand((contraction, layer.batch * layer.size**2))
    return lambda: left @ right


def _torch(layer: Layer, x: Float64, w: Float64) -> Call:
    import torch

    torch.set_num_threads(1)
    tensors = torch.from_numpy(x), torch.from_numpy(w)
    return lambda: torch.nn.functional.conv2d(*tensors, padding=layer.padding)


def _onnx(layer: Layer, x: Float64, w: Float64) -> Call:
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[layer.padding] * 4)
    described = [
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in ("x", "w", "y")
    ]
    graph = helper.make_graph([node], "conv", described[:2], described[2:])
    evaluator: Any = ReferenceEvaluator(helper.make_model(graph))
    return lambda: evaluator.run(None, {"x": x, "w": w})[0]


def _scipy(layer: Layer, x: Float64, w: Float64) -> Call:
    from scipy.signal import correlate

    margin = (layer.padding, layer.padding)
    padded = np.pad(x, ((0, 0), (0, 0), margin, margin))

    def call() -> Float64:
        y = np.empty((layer.batch, layer.outputs, layer.size, layer.size))
        for n, o in np.ndindex(layer.batch, layer.outputs):
            y[n, o] = correlate(padded[n], w[o], mode="valid")[0]
        return y

    return call
