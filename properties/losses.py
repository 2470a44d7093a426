"""What may become of a child process and of its calls, as exceptions; none is a violation."""

from __future__ import annotations

from properties.wire import ChannelClosed, ChannelTimeout, WireError


class MemoryExceeded(Exception):
    """The child's resident memory passed its limit."""


class TooManyProcesses(Exception):
    """The child and what it started are more processes than it may have."""


# Of a request that is no call: the child ended, hung, talked nonsense, or took too much.
LOST = (ChannelClosed, ChannelTimeout, WireError, MemoryExceeded, TooManyProcesses)


class CannotStart(RuntimeError):
    """A worker for this device did not come up."""

    def __init__(self, device: str, log: str) -> None:
        super().__init__(device, log)  # which is also how it crosses to another process

    def __str__(self) -> str:
        device, log = self.args
        return f"no worker came up on {device!r}: {log.splitlines()[-1] if log else 'no output'}"


class NotLoadable(Exception):
    """The implementation cannot be imported; the message says why."""


class Inconclusive(Exception):
    """A device had no memory for a call made alone, or for a process: no verdict."""
