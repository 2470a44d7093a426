"""Implementations that are torch's own and note how they were called."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

FORWARD: list[dict[str, Any]] = []
BACKWARD: list[dict[str, Any]] = []
ENTERED: list[None] = []  # also by calls that are not finished: recomputation stops when it can


def forget() -> None:
    """Forget the calls so far."""
    for calls in (FORWARD, BACKWARD, ENTERED):
        calls.clear()


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _enter() -> None:
    ENTERED.append(None)


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _note(x: Any, weight: Any, bias: Any, y: Any, **more: Any) -> None:
    batched = torch._C._functorch.is_batchedtensor
    FORWARD.append(
        {
            "grad": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(),
            "learns": weight.requires_grad,
            "threads": torch.get_num_threads(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "onednn": torch._C._get_mkldnn_enabled(),
            "autocast": torch.is_autocast_enabled("cpu"),
            "input": x.dtype,
            "vmap": tuple(t is not None and batched(t) for t in (x, weight, bias)),
            **more,
        }
    )
    if y.requires_grad and not batched(y):
        leaf = weight if weight.is_leaf and weight.requires_grad else None
        y.register_hook(
            lambda g: BACKWARD.append(
                {
                    "strides": set(g.stride()),
                    "leaf": leaf,
                    "threads": torch.get_num_threads(),
                    "onednn": torch._C._get_mkldnn_enabled(),
                }
            )
        )


def conv2d(x: Any, weight: Any, bias: Any, stride: Any, *rest: Any) -> Any:
    """Be right."""
    _enter()
    compiling = torch.compiler.is_compiling()
    y = F.conv2d(x, weight, bias, stride, *rest)
    _note(x, weight, bias, y, stride=stride, compiling=compiling)
    return y


class Conv2d(torch.nn.Conv2d):
    """Be right."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.history = [f"built in {named['dtype']}"]

    def _load_from_state_dict(self, *arguments: Any, **named: Any) -> None:
        super()._load_from_state_dict(*arguments, **named)
        self.history.append("loaded")

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.history.append("restored")

    def to(self, *arguments: Any, **named: Any) -> Any:
        """Note that it was moved."""
        self.history.append("moved")
        return super().to(*arguments, **named)

    def forward(self, x: Any) -> Any:
        """Note how it was called."""
        y = super().forward(x)
        more = {"stride": self.stride, "training": self.training, "history": [*self.history]}
        own = isinstance(self.weight, torch.nn.Parameter)
        _note(x, self.weight, self.bias, y, own=own, strides=self.weight.stride(), **more)
        return y


class _Opaque(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Any:
        return F.conv2d(*arguments)


def without_vmap(*arguments: Any) -> Any:
    """Be right, but have no batching rule."""
    return _Opaque.apply(*arguments)  # type: ignore[no-untyped-call]
