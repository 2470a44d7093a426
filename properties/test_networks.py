"""The layers that known networks are made of: where most users are, and most fast paths."""

from __future__ import annotations

from hypothesis import given

from properties.case import Case
from properties.networks import network_calls
from properties.subject import Subject


@given(case=network_calls())
def test_layers_of_known_networks(conv2d: Subject, case: Case) -> None:
    """Output and gradients of a layer of ResNet, MobileNet, Inception, ... lie in their enclosures.

    Kernel, stride, padding, dilation, groups and channels are the layer's; images are small.
    """
    conv2d.check(case)
