"""Layers that start with other parameters than `torch.nn.Conv2d` documents."""

from __future__ import annotations

import torch
from torch import nn


class StartsTooWide(nn.Conv2d):
    """Takes the channels of a group for those of the input: too wide by a factor."""

    def reset_parameters(self) -> None:
        """Draw from U(-2 sqrt(k), 2 sqrt(k))."""
        super().reset_parameters()
        with torch.no_grad():
            self.weight.mul_(2.0)


class StartsTheSame(nn.Conv2d):
    """Draws from a generator of its own, which no seed reaches."""

    def reset_parameters(self) -> None:
        """Draw the same numbers every time."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().reset_parameters()


class ForgetsBias(nn.Conv2d):
    """Starts with a bias of zeros."""

    def reset_parameters(self) -> None:
        """Clear the bias."""
        super().reset_parameters()
        if self.bias is not None:
            nn.init.zeros_(self.bias)
