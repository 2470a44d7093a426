"""Enclosures of nothing: gradients of inputs without elements."""

from __future__ import annotations

import numpy as np

import reference


def test_the_gradient_of_an_input_without_elements_is_empty() -> None:
    """A batch of zero may have rows of zero, too; its gradient has their shape."""
    weight, upstream = np.ones((1, 2, 1, 1)), np.zeros((0, 1, 2, 5))
    found = reference.enclose_conv2d_input(
        (0, 2, 0, 3), weight, upstream, padding=1, arithmetic=reference.FLOAT32
    )
    assert found.mid.shape == found.rad.shape == (0, 2, 0, 3)
