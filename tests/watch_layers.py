"""Layers for a model that is watched: each is nn.Conv2d but for one defect."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.mutants.parts import edited


class TapOff(nn.Conv2d):
    """Leaves the last tap of the kernel out."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        kept = torch.ones_like(weight)
        kept[..., -1, -1] = 0
        y: Tensor = super()._conv_forward(input, weight * kept, bias)
        return y


class WeightGradientOff(nn.Conv2d):
    """Returns the gradient of the weight without its first element."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        def edit(gradient: Tensor) -> Tensor:
            wrong = gradient.clone()
            wrong[0, 0, 0, 0] = 0
            return wrong

        y: Tensor = super()._conv_forward(input, edited(weight, edit), bias)
        return y


class InputGradientOff(nn.Conv2d):
    """Returns a gradient of the input that is a little too large."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        y: Tensor = super()._conv_forward(edited(input, lambda g: g * 1.001), weight, bias)
        return y


class ColumnShort(nn.Conv2d):
    """Returns an output without its last column."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, cut."""
        y: Tensor = super().forward(input)
        return y[..., :-1]


class WritesInput(nn.Conv2d):
    """Adds one to a pixel of its input."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the right output, and leave another input behind."""
        y: Tensor = super().forward(input)
        input.data[..., 0, 0] += 1  # past autograd's notice
        return y


class Doubles(nn.Conv2d):
    """Returns float64, whatever it is given."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the right values in the wrong dtype."""
        y: Tensor = super().forward(input)
        return y.double()


class LeNet(nn.Sequential):
    """Two convolutions between sigmoids and pools, and three linear layers: (N, 1, 28, 28)."""

    def __init__(self, first: type[nn.Conv2d] = nn.Conv2d, second: type[nn.Conv2d] = nn.Conv2d):
        super().__init__()
        self.conv1, self.act1, self.pool1 = first(1, 6, 5), nn.Sigmoid(), nn.MaxPool2d(2, 2)
        self.conv2, self.act2, self.pool2 = second(6, 16, 5), nn.Sigmoid(), nn.MaxPool2d(2, 2)
        self.flat = nn.Flatten()
        self.fc1, self.act3 = nn.Linear(256, 120), nn.Sigmoid()
        self.fc2, self.act4 = nn.Linear(120, 84), nn.Sigmoid()
        self.fc3 = nn.Linear(84, 10)


class Shared(nn.Module):
    """One convolution, called three times in a step."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the layer applied three times, with a shortcut."""
        first: Tensor = F.relu(self.conv(x))
        y: Tensor = self.conv(self.conv(first) + x)
        return y
