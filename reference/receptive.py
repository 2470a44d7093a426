"""What a stack of layers lets one output element see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from reference.params import Conv2dParams, Pair, as_pair

DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1}


class ReceptiveField(NamedTuple):
    """The window of input rows and columns behind one output element, as (height, width) pairs.

    Along each axis, output index i sees input indices from `start + i * jump` to
    `start + i * jump + size - 1`; those below 0 lie in the padding.
    """

    size: Pair
    jump: Pair
    start: Pair


def receptive_field(layers: Iterable[Any]) -> ReceptiveField:
    """Return the receptive field of the last of `layers`, which are given from input to output.

    A layer is a kernel size (an integer or a pair), a mapping with nn.Conv2d's argument names
    (kernel_size, stride, padding, dilation), or an object with these attributes, as nn.Conv2d and
    nn.MaxPool2d are. `receptive_field([2, 2]).size` is (3, 3).
    """
    found = [_layer(layer) for layer in layers]
    rows, columns = (_window(found, axis) for axis in (0, 1))
    return ReceptiveField((rows[0], columns[0]), (rows[1], columns[1]), (rows[2], columns[2]))


def _window(layers: list[tuple[Pair, Conv2dParams]], axis: int) -> tuple[int, int, int]:
    """Return size, jump and start along one axis."""
    size, jump, start = 1, 1, 0
    for kernel, params in layers:
        start -= jump * params.pads(kernel)[axis][0]
        size += jump * params.dilation[axis] * (kernel[axis] - 1)
        jump *= params.stride[axis]
    return size, jump, start


def _layer(layer: Any) -> tuple[Pair, Conv2dParams]:
    """Return the kernel size and the parameters of a layer."""
    if isinstance(layer, Mapping):
        unknown = sorted(set(layer) - {"kernel_size", *DEFAULTS})
        if unknown or "kernel_size" not in layer:
            raise ValueError(
                f"`layers` has {layer!r}, which is not kernel_size and any of {[*DEFAULTS]}"
            )
        kernel, values = layer["kernel_size"], DEFAULTS | dict(layer)
    elif hasattr(layer, "kernel_size"):
        kernel = layer.kernel_size
        values = {name: getattr(layer, name, default) for name, default in DEFAULTS.items()}
    else:
        kernel, values = layer, DEFAULTS
    params = Conv2dParams(*(values[name] for name in DEFAULTS))
    return as_pair("kernel_size", kernel, 1), params
