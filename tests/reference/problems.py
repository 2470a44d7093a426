"""Small convolution problems, valid by construction, and their definition product by product."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reference import Conv2dParams

Array = NDArray[np.float64]
Index = tuple[int, ...]
Triple = tuple[Index, Index, Index]

NUMPY_MODES: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}

few = settings(max_examples=40, deadline=None, derandomize=True, database=None)
many = settings(few, max_examples=150)


def refused(message: str) -> pytest.RaisesExc[ValueError]:
    """Return a context that expects a ValueError whose whole text is the message."""
    return pytest.raises(ValueError, match=f"^{re.escape(message)}$")


@dataclass(frozen=True)
class Problem:
    """The arguments of a convolution and of its gradients; the values follow from the seed."""

    input_shape: Index
    weight_shape: Index
    arguments: dict[str, Any]
    seed: int
    values: str

    @cached_property
    def x(self) -> Array:
        """The input."""
        return self._draw(self.input_shape, 0)

    @cached_property
    def w(self) -> Array:
        """The weight."""
        return self._draw(self.weight_shape, 1)

    @cached_property
    def b(self) -> Array:
        """The bias."""
        return self._draw(self.weight_shape[:1], 2)

    @cached_property
    def gy(self) -> Array:
        """The gradient of the output."""
        return self._draw(self.output_shape, 3)

    @property
    def params(self) -> Conv2dParams:
        """The arguments without the arrays."""
        return Conv2dParams(**self.arguments)

    @property
    def output_shape(self) -> Index:
        """The shape of the output, batched if the input is."""
        size = self.params.output_size(self.input_shape[-2:], self.weight_shape[-2:])
        return *self.input_shape[:-3], self.weight_shape[0], *size

    def triples(self) -> Iterator[Triple]:
        """Yield the index of the input, the weight and the output of every product.

        Independent of the package: numpy.pad pads the positions, and padding zeros yield nothing.
        """
        (height, width), pads = self.input_shape[-2:], self.params.pads(self.weight_shape[-2:])
        mode = self.params.padding_mode
        options = {"constant_values": -1} if mode == "zeros" else {}
        positions = np.arange(height * width).reshape(height, width)
        padded = np.pad(positions, pads, NUMPY_MODES.get(mode, "constant"), **options)
        (sh, sw), (dh, dw) = self.params.stride, self.params.dilation
        _, channels, kh, kw = self.weight_shape
        per_group = self.weight_shape[0] // self.params.groups
        for *n, o, i, j in np.ndindex(self.output_shape):
            for c, u, v in np.ndindex(channels, kh, kw):
                source = int(padded[i * sh + u * dh, j * sw + v * dw])
                if source >= 0:
                    x = (*n, o // per_group * channels + c, *divmod(source, width))
                    yield x, (o, c, u, v), (*n, o, i, j)

    def _draw(self, shape: Index, stream: int) -> Array:
        random = np.random.default_rng((self.seed, stream))
        if self.values == "integers":
            return random.integers(-9, 10, shape).astype(np.float64)
        values = random.standard_normal(shape).astype(np.float32).astype(np.float64)
        if self.values == "cancelling":
            values = np.where(random.random(shape) < 0.5, 1e3, -1e3) + np.float32(1) * values
            values = values.astype(np.float32).astype(np.float64)
        if self.values == "wide":
            values *= 2.0 ** random.integers(-20, 20, shape)
        if self.values == "sparse":
            values *= random.random(shape) < 0.5
        return values


REAL = ("normal", "cancelling", "wide", "sparse")


@st.composite
def problems(
    draw: st.DrawFn, values: tuple[str, ...] = REAL, max_output: int = 4, max_batch: int = 2
) -> Problem:
    """Return a strategy for problems; the input size follows from an output size drawn first."""
    small = st.integers(1, 3)
    kernel, dilation = draw(st.tuples(small, small)), draw(st.tuples(small, small))
    padding = draw(st.sampled_from(["valid", "same"]) | st.tuples(*[st.integers(0, 3)] * 2))
    stride = (1, 1) if padding == "same" else draw(st.tuples(small, small))
    groups = draw(small)
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    arguments: dict[str, Any] = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "padding_mode": mode,
    }
    pads = Conv2dParams(**arguments).pads(kernel)
    least = 1 if mode == "reflect" else 0
    size = []
    for axis in (0, 1):
        outputs = draw(st.integers(1, max_output))
        padded = (outputs - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1
        padded += draw(st.integers(0, stride[axis] - 1))
        size.append(max(padded - sum(pads[axis]), max(pads[axis]) + least, 1))
    batch = draw(st.sampled_from([(), *((n,) for n in range(max_batch + 1))]))
    inner, outer = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    return Problem(
        (*batch, groups * inner, *size),
        (groups * outer, inner, *kernel),
        arguments,
        draw(st.integers(0, 2**16)),
        draw(st.sampled_from(values)),
    )
