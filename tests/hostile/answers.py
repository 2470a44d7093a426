"""Implementations that return the wrong thing, write where they must not, or raise."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import torch
import torch.nn.functional as F

from tests.hostile.parts import Tensor, hostile, spoiled

_buffers: dict[torch.Size, Tensor] = {}
_queue: SimpleQueue[Tensor] | None = None


class _Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class _Subclass(torch.Tensor):
    pass


@hostile
def raises(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Raise an exception."""
    raise ValueError("no kernel for this shape")


@hostile
def raises_unprintable(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Raise an exception that raises when printed."""
    raise _Unprintable


@hostile
def raises_surrogates(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Raise an exception whose text no encoding takes."""
    raise ValueError("\udcff\ud800")


@hostile
def raises_system_exit(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Leave by SystemExit."""
    raise SystemExit(0)


@hostile
def raises_keyboard_interrupt(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Leave by KeyboardInterrupt."""
    raise KeyboardInterrupt


@hostile
def declines(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Decline the call."""
    raise NotImplementedError("one image at a time")


@hostile
def returns_none(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return nothing."""
    return None


@hostile
def returns_tuple(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return the output in a tuple."""
    return (y,)


@hostile
def returns_subclass(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return a subclass of Tensor."""
    return y.detach().as_subclass(_Subclass)


@hostile
def returns_sparse(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return a sparse tensor."""
    return y.to_sparse()


@hostile
def returns_opaque(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return a tensor in oneDNN's own layout, which has no float64."""
    return y.to_mkldnn() if y.dtype is torch.float32 else y


@hostile
def returns_meta(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return a tensor without data."""
    return y.to("meta")


@hostile
def returns_wrong_shape(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return one row too few."""
    return y[..., 1:, :].clone()


@hostile
def returns_huge(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return an expanded tensor of 2**50 elements."""
    return torch.zeros(1).expand(1 << 50)


@hostile
def returns_doubles(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return float64 for float32."""
    return y.double()


@hostile
def returns_complex(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return a complex tensor."""
    return torch.complex(y, y)


def drops_gradient(input: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    """Return the right output, cut off from the weight."""
    return F.conv2d(input, weight.detach() if input.shape[0] > 1 else weight, *rest)


@hostile
def crashes_in_backward(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return the right output, whose gradient reads from address 0."""
    if y.requires_grad:
        y = y.clone()
        y.register_hook(lambda grad: ctypes.string_at(0))  # type: ignore[no-untyped-call]
    return y


@hostile
def returns_input_view(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return a view of its input where that is large enough."""
    return x.as_strided(y.shape, y.stride()) if x.numel() >= y.numel() else y


@hostile
def reuses_buffer(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return the same buffer for each output of a shape."""
    return _buffers.setdefault(y.shape, torch.empty_like(y)).copy_(y)


@hostile
def writes_input(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Clear its input."""
    x.zero_()
    return y


@hostile
def writes_weight(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Negate its weight."""
    w.neg_()
    return y


@hostile
def writes_after_input(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Write the four bytes after its input."""
    ctypes.memset(x.data_ptr() + x.numel() * x.itemsize, 0, 4)
    return y


@hostile
def writes_before_weight(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Write the four bytes before its weight."""
    ctypes.memset(w.data_ptr() - 4, 0, 4)
    return y


@hostile
def wrong_element(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return one wrong element."""
    return spoiled(y)


@hostile
def nan_element(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Return a NaN where a sloppy comparison lets one pass."""
    return spoiled(y * float("nan"))


@hostile
def tile_unwritten(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Leave the last columns as they were allocated."""
    out = torch.empty_like(y)
    out[..., :-2] = y[..., :-2]
    return out


def _later(y: Tensor, seconds: float) -> None:
    time.sleep(seconds)
    y.add_(1)


@hostile
def thread_writes_soon(x: Tensor, w: Tensor, y: Tensor) -> object:
    """Change its output from a new thread 20 ms after returning it."""
    threading.Thread(target=_later, args=(y, 0.02), daemon=True).start()
    return y


def _pooled(seconds: float) -> Callable[..., Any]:
    def action(x: Tensor, w: Tensor, y: Tensor) -> object:
        assert _queue is not None
        _queue.put(y)
        return y

    def serve() -> None:
        while _queue is not None:
            _later(_queue.get(), seconds)

    def conv2d(input: Tensor, weight: Tensor, *rest: Any) -> Any:
        global _queue  # noqa: PLW0603 - the thread must outlive the call
        if _queue is None:
            _queue = SimpleQueue()
            threading.Thread(target=serve, daemon=True).start()
        return hostile(action)(input, weight, *rest)

    return conv2d


pool_writes_later = _pooled(0.06)
pool_writes_much_later = _pooled(0.3)
