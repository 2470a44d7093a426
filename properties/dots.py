"""Inner products through a convolution: chosen addends, summed into chosen elements of a result.

Every element of every result of a convolution is a sum of products. `Dot` places the factors of
one such sum in the operands of a call, zeros elsewhere, and reads the sums back, so that a probe
can be written as arithmetic on vectors, whatever the result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from properties.case import OPERANDS, Case, Tensor
from properties.dtypes import DTYPES, Exact
from properties.observation import Observation
from properties.violations import Violation
from reference import Conv2dParams, Format

Run = Callable[[Case], Observation]
GRADIENTS = ("input", "weight", "bias")


@dataclass(frozen=True)
class Setting:
    """A class of calls that an implementation may serve by a path of its own."""

    kernel: int
    batch: int
    channels: int
    layout: str = "contiguous"

    @property
    def extent(self) -> int:
        """Output rows and columns: the 64 addends of one image hold any list of float64's bits."""
        return 8 if self.batch == 1 else 6

    def __str__(self) -> str:
        size = f"{self.kernel}x{self.kernel}, batch {self.batch}, channels {self.channels}"
        return size if self.layout == "contiguous" else f"{size}, {self.layout}"

    def call(
        self,
        dtype: str,
        operands: Mapping[str, Exact],
        gradients: tuple[str, ...] = (),
        padding: int = 0,
    ) -> Case:
        """Return the call on these operands; the gradients of bias, if any, are of a zero bias."""
        arrays = dict(operands)
        if gradients:
            arrays.setdefault("bias", np.zeros(len(arrays["weight"])))
        tensors: dict[str, Any] = {
            name: Tensor.of(array, self.layout if array.ndim == 4 else "contiguous")
            for name, array in arrays.items()
        }
        params = Conv2dParams(padding=padding)
        return Case(**tensors, params=params, dtype=dtype, gradients=gradients)


class Remembered:
    """Runs calls and remembers how each one ended: results share calls, and a crash costs once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ended: dict[tuple[bytes, int], Observation | Violation] = {}

    def __call__(self, case: Case, attempt: int = 0) -> Observation:
        """Return what came of this attempt at the call; make it if it was not made before."""
        key = _key(case), attempt
        if key not in self._ended:
            try:
                self._ended[key] = self._run(case)
            except Violation as violation:
                self._ended[key] = violation
        ended = self._ended[key]
        if isinstance(ended, Violation):
            raise ended
        return ended

    def forget(self) -> None:
        """Forget all calls, to bound the memory that they take."""
        self._ended.clear()


def _key(case: Case) -> bytes:
    """Return a digest of everything that a call depends on; `Case.key` would write JSON first."""
    forms = {name: (tensor.shape, tensor.layout) for name, tensor in case.tensors.items()}
    digest = hashlib.sha256(repr((forms, case.params, case.dtype, case.gradients)).encode())
    for name in OPERANDS:
        if name in case.arrays:
            digest.update(case.arrays[name].tobytes())
    return digest.digest()


@dataclass(frozen=True)
class Dot:
    """Sums into one `result` ("output", or the gradient of an operand by its name).

    The sum runs over `size` slots: input channels and taps for the output, output channels and taps
    for the gradient of input, images and pixels for those of weight and bias.
    """

    run: Remembered
    dtype: str
    result: str
    setting: Setting

    @property
    def format(self) -> Format:
        """The format of the dtype, of a complex one that of its parts."""
        found = DTYPES[self.dtype].format
        assert found is not None
        return found

    @property
    def axes(self) -> dict[str, tuple[int, int]]:
        """How many slots lie along each kind of step, and how far apart, slowest first."""
        s = self.setting
        if self.result in ("output", "input"):
            return {"channel": (s.channels, s.kernel**2), "tap": (s.kernel**2, 1)}
        return {"image": (s.batch, s.extent**2), "pixel": (s.extent**2, 1)}

    @property
    def size(self) -> int:
        """The number of slots."""
        (count, step), _ = self.axes.values()
        return count * step

    @property
    def factors(self) -> tuple[str, ...]:
        """The operands whose products are summed: the left one, which bias lacks, and the right."""
        return {
            "output": ("input", "weight"),
            "input": ("grad_output", "weight"),
            "weight": ("input", "grad_output"),
            "bias": ("grad_output",),
        }[self.result]

    def __call__(self, left: Exact, right: Exact, bias: Exact | None = None) -> Exact:
        """Return sum_s left[s] * right[v, s] (+ bias[v]) as it came back, for each row of `right`.

        `left` has shape (size,) and is ones for the gradient of bias, which has no other factor;
        `right` has at most as many rows as there are channels. Of complex gradients, torch
        conjugates the operand that is not grad_output.
        """
        s = self.setting
        values = np.zeros((s.channels, self.size), right.dtype)
        values[: len(right)] = right
        operands = self._placed(left, values)
        if self.result != "output":
            return self._read(self.run(s.call(self.dtype, operands, GRADIENTS)))[: len(right)]
        del operands["grad_output"]
        if bias is not None:
            operands["bias"] = np.zeros(s.channels)
            operands["bias"][: len(bias)] = bias
        return self._read(self.run(s.call(self.dtype, operands)))[: len(right)]

    def _placed(self, left: Exact, right: Exact) -> dict[str, Exact]:
        """Return the operands: zeros, except for the factors of the elements that `_read` reads."""
        s = self.setting
        n, c, k, e = s.batch, s.channels, s.kernel, s.extent
        kind = np.result_type(left, right)
        x = np.zeros((n, c, e + k - 1, e + k - 1), kind)
        w, g = np.zeros((c, c, k, k), kind), np.zeros((n, c, e, e), kind)
        if self.result == "output":
            x[0, :, :k, :k] = left.reshape(c, k, k)
            w[:] = right.reshape(c, c, k, k)
        elif self.result == "input":
            # Tap (a, b) carries g[i - a, i - b] to input pixel (i, i), i the last output row.
            g[0, :, e - k :, e - k :] = left.reshape(c, k, k)[:, ::-1, ::-1]
            w[:] = right.reshape(c, c, k, k).swapaxes(0, 1)
        else:
            middle = slice(k // 2, k // 2 + e)
            x[:, 0, middle, middle] = left.reshape(n, e, e)
            g[:] = right.reshape(c, n, e, e).swapaxes(0, 1)
        return {"input": x, "weight": w, "grad_output": g}

    def _read(self, observation: Observation) -> Exact:
        values, middle = observation.arrays[self.result], self.setting.kernel // 2
        if self.result == "output":
            return values[0, :, 0, 0]
        if self.result == "input":
            last = self.setting.extent - 1
            return values[0, :, last, last]
        return values[:, 0, middle, middle] if self.result == "weight" else values
