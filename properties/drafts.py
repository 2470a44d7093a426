"""What is drawn of a call, and how a valid `Case` is put together from it.

Sizes are drawn of the *output*; the input's extent follows from them, so every draw is valid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from properties.case import Case, Tensor
from properties.dtypes import INTEGER
from properties.known import Avoidance
from properties.values import Recipe
from reference import Conv2dParams

Pair = tuple[int, int]

# Kinds of data: the recipes of input and weight; "wide" stands for the widest odd integers whose
# sums the accumulator still holds exactly.
VALUES = {
    "integers": ("integers", "integers"),
    "normal": ("normal", "normal"),
    "one-hot input": ("onehot", "integers"),
    "one-hot weight": ("integers", "onehot"),
    "ones weight": ("integers", "ones"),
    "sparse": ("sparse", "sparse"),
    "cancelling": ("cancelling", "normal"),
    "wide input": ("wide", "signs"),
    "wide weight": ("signs", "wide"),
    "wide upstream": ("signs", "signs"),
    # Long sums of few products, which round the operands' last bits away at once or not at all.
    "few inputs": ("few", "normal"),
    "few weights": ("normal", "few"),
}
# Of grad_output where it is not the bias' kind: with one wide factor every product is as wide.
UPSTREAM = {"wide input": "signs", "wide weight": "signs", "wide upstream": "wide"}
REAL = ("normal", "sparse", "cancelling", "few inputs", "few weights")
INTEGRAL = tuple(kind for kind in VALUES if kind not in REAL)
# Per dtype: significant bits of the widest integers, and of sums that stay exact. A sum of random
# signs grows with the root of its length: in float16 it is what must stay below 65504.
WIDE = {
    "float32": (20, 24),
    "float64": (27, 53),
    "float16": (11, 24),
    "bfloat16": (8, 24),
    "complex64": (18, 22),  # parts are added before they are multiplied
    "complex128": (26, 51),
}
SCALES = (0, 1, -1, 2, -2)  # of input and bias, in steps of so many powers of two:
STEPS = {"float16": 2} | dict.fromkeys(INTEGER, 0)  # 10 elsewhere, which in float16 overflows


@dataclass(frozen=True)
class Geometry:
    """What was drawn about extents, before the input's extent is computed from it."""

    kernel: Pair
    stride: Pair
    padding: Pair | str
    dilation: Pair
    padding_mode: str
    output: Pair
    spare: Pair  # rows and columns that the last stride leaves over
    fit: str

    @cached_property
    def params(self) -> Conv2dParams:
        """The parameters of the call, but for its groups."""
        return Conv2dParams(self.stride, self.padding, self.dilation, 1, self.padding_mode)

    @cached_property
    def output_size(self) -> Pair:
        """The extent of the output that the input gives."""
        return self.params.output_size(self.input_size, self.kernel)

    @cached_property
    def input_size(self) -> Pair:
        """The extent of an input that gives `output`, or the nearest possible one."""
        pads = self.params.pads(self.kernel)
        height, width = (self._extent(axis, sum(pads[axis]), max(pads[axis])) for axis in (0, 1))
        return height, width

    def _extent(self, axis: int, padded: int, largest_pad: int) -> int:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        if self.fit == "equal":
            extent = self.kernel[axis]
        elif self.fit == "larger":
            extent = self.kernel[axis] - 1
        else:
            extent = (self.output[axis] - 1) * self.stride[axis] + reach - padded + self.spare[axis]
        least = {"reflect": largest_pad + 1, "circular": largest_pad}.get(self.padding_mode, 1)
        return max(extent, reach - padded, least, 1)


@dataclass(frozen=True)
class Draft:
    """Everything that was drawn, before the case is put together."""

    geometry: Geometry
    dtype: str
    bias: bool
    passes: str
    groups: int
    multiplier: int  # out_channels // groups
    shared: int  # in_channels // groups
    batch: str
    layouts: tuple[str, ...]  # of input, weight, bias and grad_output
    values: str
    seed: int
    scale: int

    def assemble(self, avoid: Avoidance) -> Case:
        """Return the case; the input is at least as large as `avoid` asks for."""
        height, width = self.geometry.input_size
        batch = () if self.batch == "unbatched" else (int(self.batch),)
        x, w, b, g = self.layouts
        first, second, offset, last = self._kinds()
        height, width = max(height, avoid.min_height), max(width, avoid.min_width)
        shape = (*batch, self.groups * self.shared, height, width)
        out_channels, seed = self.groups * self.multiplier, 4 * self.seed
        exponent = self.scale * STEPS.get(self.dtype, 10)
        weight_shape = (out_channels, self.shared, *self.geometry.kernel)
        bias = Tensor((out_channels,), Recipe(offset, seed + 2, exponent), b)
        case = Case(
            Tensor(shape, Recipe(first, seed, exponent), x),
            Tensor(weight_shape, Recipe(second, seed + 1), w),
            bias if self.bias else None,
            replace(self.geometry.params, groups=self.groups),
            self.dtype,
        )
        if self.passes == "forward":
            return case
        upstream = Tensor(case.output_shape, Recipe(last, seed + 3), g)
        return case.replace(gradients=tuple(self.passes.split("+")), grad_output=upstream)

    def _kinds(self) -> tuple[str, str, str, str]:
        """Return the kinds of input, weight, bias and grad_output."""
        first, second = VALUES[self.values]
        plain = "integers" if self.values in INTEGRAL else "normal"
        upstream = UPSTREAM.get(self.values, plain)
        if self.dtype in WIDE:
            most, exact = WIDE[self.dtype]
            wide = f"wide{max(4, min(most, exact - self._terms().bit_length()))}"
            first, second, upstream = (
                wide if kind == "wide" else kind for kind in (first, second, upstream)
            )
        elif plain == "normal" or "wide" in (first, second, upstream):
            return "words", "words", "words", "words"  # of integers, where everything is exact
        return first, second, plain, upstream

    def _terms(self) -> int:
        """Return the length of the longest sum that is asked for."""
        taps = self.geometry.kernel[0] * self.geometry.kernel[1]
        terms = [self.shared * taps]
        if "input" in self.passes:
            terms.append(self.multiplier * taps)
        if "weight" in self.passes or "bias" in self.passes:
            size = self.geometry.output_size
            images = int(self.batch) if self.batch.isdigit() else 1
            terms.append(images * size[0] * size[1])
        return max(terms)


def along(case: Case, derivative: str) -> Case:
    """Return the call with a derivative along directions of the operands' own kinds."""
    directions = {
        f"direction_{name}": replace(
            tensor, values=replace(tensor.values, seed=tensor.values.seed ^ 4096)
        )
        for name, tensor in case.tensors.items()
        if name != "grad_output" and isinstance(tensor.values, Recipe)
    }
    return case.replace(derivative=derivative, **directions)
