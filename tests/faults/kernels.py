"""Kernels that compute a convolution in a declared arithmetic, right or wrong in one respect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from reference import Arithmetic, Format
from tests.faults.orders import Array, Order, Unit, pairwise

Conversion = Callable[[Array], Array]


class Operands(NamedTuple):
    """What a kernel is given: each output is a sum over the first axis, plus a bias.

    weight  (terms, calls, channels, 1)
    input   (terms, calls, 1, positions)
    bias    (calls, channels, 1)
    """

    weight: Array
    input: Array
    bias: Array


class Slip(NamedTuple):
    """One product too few or too many, in one output; without an `output`, in every one."""

    action: Literal["drop", "double"]
    term: int
    output: tuple[int, int] | None = None  # channel and position


@dataclass(frozen=True)
class Kernel:
    """A kernel; unless told otherwise it is a correct one, which adds pairwise: the best order.

    `input` and `weight` are converted before they are multiplied; `slices` cuts them in two
    numbers of that format, whose least product is left out. The sum, in `parts` stored as
    `partial`, is multiplied by `scale`; `stores` are the conversions on the way to the output;
    and the bias is added to the finished output, if late.
    """

    order: Order = pairwise
    accumulator: Format | None = None
    input: Conversion | None = None
    weight: Conversion | None = None
    slices: Format | None = None
    partial: Format | None = None
    parts: int = 4
    slip: Slip | None = None
    scale: float = 1.0
    stores: tuple[Conversion, ...] = ()
    adds_bias_late: bool = False

    def __call__(self, operands: Operands, arithmetic: Arithmetic) -> Array:
        """Return the outputs (calls, channels, positions), as float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            result = self._computed(operands, arithmetic)
            if self.slip is None:
                return result
            slipped = self._computed(_slipped(operands, self.slip), arithmetic)
        if self.slip.output is None:
            return slipped
        channel, position = self.slip.output
        result[:, channel, position] = slipped[:, channel, position]
        return result

    def _computed(self, operands: Operands, arithmetic: Arithmetic) -> Array:
        unit = Unit(self.accumulator or arithmetic.accumulator)
        total = self._sum(*self._factors(operands), unit)
        bias = unit.hold(operands.bias)
        if self.scale != 1.0:
            total = unit.multiply(total, unit.hold(np.array(self.scale)))
        if self.adds_bias_late:
            total = unit.hold(arithmetic.output.round(total))
        result = unit.add(total, bias).astype(np.float64)
        for store in (*self.stores, arithmetic.output.round):
            result = store(result)
        return result

    def _factors(self, operands: Operands) -> tuple[Array, Array]:
        """Return the factors of the products that are summed."""
        weight = operands.weight if self.weight is None else self.weight(operands.weight)
        input = operands.input if self.input is None else self.input(operands.input)
        if self.slices is None:
            return weight, input
        (w, w_rest), (x, x_rest) = (_sliced(each, self.slices) for each in (weight, input))
        return np.concatenate([w, w, w_rest]), np.concatenate([x, x_rest, x])

    def _sum(self, weight: Array, input: Array, unit: Unit) -> Array:
        if self.partial is None:
            return self._ordered(weight, input, unit)
        total = np.zeros((), unit.dtype)
        for part in np.array_split(np.arange(len(weight)), self.parts):
            stored = self.partial.round(self._ordered(weight[part], input[part], unit))
            total = unit.add(total, unit.hold(stored))
        return total

    def _ordered(self, weight: Array, input: Array, unit: Unit) -> Array:
        left, right = unit.hold(weight), unit.hold(input)
        if self.order is not pairwise:
            return self.order(left, right, unit)
        # Holds all its products at once: those of one call are enough.
        calls = range(weight.shape[1])
        return np.stack([pairwise(left[:, call], right[:, call], unit) for call in calls])


def _sliced(values: Array, each: Format) -> tuple[Array, Array]:
    head = each.round(values)
    return head, each.round(values - head)


def _slipped(operands: Operands, slip: Slip) -> Operands:
    """Return operands without, or with twice, the factors of one product."""
    at = slip.term % len(operands.weight)
    if slip.action == "drop":
        weight, input = (np.delete(each, at, 0) for each in operands[:2])
    else:
        again = slice(at, at + 1)
        weight, input = (np.concatenate([each, each[again]]) for each in operands[:2])
    return Operands(weight, input, operands.bias)


@dataclass(frozen=True)
class Fault:
    """A named defect: the kernel that has it, which a seed may place."""

    name: str
    kernel: Callable[[int], Kernel]


def always(name: str, kernel: Kernel) -> Fault:
    """Return a fault that does not depend on the seed."""
    return Fault(name, lambda seed: kernel)


def slip(name: str, action: Literal["drop", "double"], channels: int, positions: int) -> Fault:
    """Return a fault of one product of one output, anywhere."""

    def kernel(seed: int) -> Kernel:
        random = np.random.default_rng(seed)
        output = int(random.integers(channels)), int(random.integers(positions))
        return Kernel(slip=Slip(action, int(random.integers(2**31)), output))

    return Fault(name, kernel)
