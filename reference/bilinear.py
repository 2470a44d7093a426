"""The three bilinear maps of a convolution: to the output, and to the gradients of its operands."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from reference.arguments import Array, FloatArray
from reference.arithmetic import Stores
from reference.contractions import accumulate, correlate, correlate_magnitudes, magnitude, scatter
from reference.geometry import Geometry
from reference.padding import fold_array
from reference.terms import forward_terms, input_terms, stored_parts, weight_terms

Role = Literal["output", "input", "weight"]


class Bilinear(NamedTuple):
    """The map to the output or to the gradient of the input or the weight, as `role` says.

    Its operands are (input, weight), (weight, grad_output) and (input, grad_output) respectively.
    Arrays are batched and C-contiguous, as `reference.calls` returns them.
    """

    geometry: Geometry
    role: Role

    def __call__(self, left: Array, right: Array) -> Array:
        """Return the map of two operands of one dtype; nothing is conjugated."""
        if self.role == "output":
            return correlate(left, right, self.geometry)
        if self.role == "weight":
            return accumulate(left, right, self.geometry)
        padded = scatter(left, right, self.geometry)
        with np.errstate(all="ignore"):
            return fold_array(padded, self.geometry.pads, self.geometry.padding_mode)

    def with_magnitudes(self, left: Array, right: Array) -> tuple[Array, FloatArray]:
        """Return the map of two operands, and of their magnitudes."""
        if self.role == "output":
            return correlate_magnitudes(left, right, self.geometry)
        return self(left, right), self(magnitude(left), magnitude(right))

    def products(self, left: Array, right: Array) -> Array:
        """Return the number of nonzero products per element, of a shape that broadcasts to it."""
        count = {"output": forward_terms, "input": input_terms, "weight": weight_terms}
        return count[self.role](left, right, self.geometry)

    def parts(self, stores: Stores) -> Array:
        """Return how many parts of each sum are stored, in a shape that broadcasts to it."""
        return stored_parts(self.role, stores, self.geometry)
