"""How a run ends that is told to: once, however often it is told."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pytest

from properties.signals import (
    JUDGED_BY,
    dies_with_its_parent,
    interrupted_by_sigterm,
    restore,
    uninterrupted,
)
from properties.terminal import lasting_stdout


def prepare_end(config: pytest.Config) -> None:
    """Have a run end as it must, whatever it is told and whoever goes away."""
    interrupted_by_sigterm()
    config.pluginmanager.register(Ending(), "conv2d-ending")
    distributed = hasattr(config, "workerinput")
    if distributed or os.environ.get(JUDGED_BY) == str(os.getppid()):
        dies_with_its_parent()
    if not distributed and sys.stdout is not None:
        config.add_cleanup(lasting_stdout())  # before pytest's reporter, which takes what is there


class Ending:
    """A plugin of a run: once its end has begun, by itself or by a signal, it is let come."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Begin the end that was asked for: what follows tells and writes what was found."""
        self._before = self._before or uninterrupted()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Begin the end that comes by itself."""
        self._before = self._before or uninterrupted()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Leave the signals to the program that ran pytest."""
        restore(self._before)
