"""`Case`: one concrete call of conv2d, immutable, with a JSON form that keeps every bit."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from properties.domain import FACTORS, passes_of
from properties.dtypes import DTYPES, Exact
from properties.feasibility import feasible
from properties.tensors import Explicit, Tensor
from properties.values import Recipe
from reference import Conv2dParams

GRADIENTS = ("input", "weight", "bias")
DIRECTIONS = tuple(f"direction_{name}" for name in GRADIENTS)
OPERANDS = (*GRADIENTS, "grad_output", *DIRECTIONS)
DERIVATIVES = FACTORS["derivatives"]


@dataclass(frozen=True)
class Case:
    """One call: operands, parameters, dtype, and the gradients that are asked for.

    input        (N, C, H, W) or (C, H, W)
    weight       (Cout, C / groups, KH, KW)
    bias         (Cout,) or None
    grad_output  of the output's shape; present exactly when `gradients` names something
    gradients    a subset of ("input", "weight", "bias"), in this order
    derivative   "first": those gradients; "forward-mode": the derivative along the directions of
                 all operands; "second": all gradients, and those of S, the sum of all
                 Re sum(conj(direction) * gradient);
                 "per-sample": those of each image by itself, of the weight and the bias
    mode         another way of making the same call; what is owed stays the same
    """

    input: Tensor
    weight: Tensor
    bias: Tensor | None = None
    params: Conv2dParams = field(default_factory=Conv2dParams)
    dtype: str = "float32"
    gradients: tuple[str, ...] = ()
    grad_output: Tensor | None = None
    derivative: str = "first"
    direction_input: Tensor | None = None
    direction_weight: Tensor | None = None
    direction_bias: Tensor | None = None
    mode: str = "eager"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"`dtype`={self.dtype!r} is not one of {', '.join(DTYPES)}")
        if bool(self.gradients) != (self.grad_output is not None):
            raise ValueError("`grad_output` goes with `gradients`: give both or neither")
        if self.gradients != tuple(name for name in GRADIENTS if name in self.gradients):
            text = f"`gradients`={self.gradients!r} is not a subset of {GRADIENTS}, in order"
            raise ValueError(text)
        if "bias" in self.gradients and self.bias is None:
            raise ValueError("`gradients` names bias, but there is none")
        if self.gradients and DTYPES[self.dtype].kind == "integer":
            raise ValueError(f"`gradients` of {self.dtype} do not exist")
        self._require_directions()
        self._require_mode()

    def _require_directions(self) -> None:
        operands = [name for name in GRADIENTS if getattr(self, name) is not None]
        along = [name for name in GRADIENTS if getattr(self, f"direction_{name}") is not None]
        if self.derivative not in DERIVATIVES:
            known = ", ".join(DERIVATIVES)
            raise ValueError(f"`derivative`={self.derivative!r} is not one of {known}")
        if along != (operands if self.derivative in ("forward-mode", "second") else []):
            raise ValueError(
                f"`direction_...` of {along} do not go with a {self.derivative} derivative"
            )
        asked = {"forward-mode": [], "second": operands, "per-sample": operands[1:]}.get(
            self.derivative, list(self.gradients)
        )
        if list(self.gradients) != asked:
            raise ValueError(
                f"`gradients`={self.gradients} do not go with `derivative`={self.derivative!r}"
            )

    def _require_mode(self) -> None:
        if self.mode not in FACTORS["mode"]:
            raise ValueError(f"`mode`={self.mode!r} is not one of {', '.join(FACTORS['mode'])}")
        if self.mode == "eager" and self.derivative == "first":
            return  # most calls
        chosen = {"mode": self.mode, "derivatives": self.derivative, "dtype": self.dtype}
        chosen["passes"] = passes_of(self.gradients)
        chosen["batch"] = "1" if len(self.input.shape) == 4 else "unbatched"
        chosen["groups"] = "1" if self.params.groups == 1 else "2"
        chosen["padding_mode"] = self.params.padding_mode
        if why := feasible(chosen):
            raise ValueError(f"`mode`={self.mode!r}, `derivative`={self.derivative!r}: {why}")
        if self.mode == "sum-backward" and (self.arrays["grad_output"] != 1).any():
            raise ValueError("`grad_output` of a sum is all ones")

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output, by the definition."""
        spatial = self.params.output_size(self.input.shape[-2:], self.weight.shape[-2:])
        return (*self.input.shape[:-3], self.weight.shape[0], *spatial)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The operands that are there, by name."""
        named = {name: getattr(self, name) for name in OPERANDS}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    @cached_property
    def arrays(self) -> dict[str, Exact]:
        """Exact values of the operands, rounded to `dtype` once, as read-only arrays."""
        dtype = DTYPES[self.dtype]
        arrays = {name: tensor.expand(dtype) for name, tensor in self.tensors.items()}
        for values in arrays.values():
            values.flags.writeable = False
        return arrays

    @property
    def arguments(self) -> dict[str, Any]:
        """The parameters as keyword arguments of `nn.Conv2d` and of the oracle."""
        p = self.params
        return {
            "stride": p.stride,
            "padding": p.padding,
            "dilation": p.dilation,
            "groups": p.groups,
            "padding_mode": p.padding_mode,
        }

    @property
    def is_random(self) -> bool:
        """Tell whether every operand is of independent random numbers with mean zero."""
        kinds = {getattr(tensor.values, "kind", "explicit") for tensor in self.tensors.values()}
        return kinds == {"normal"}

    @cached_property
    def is_finite(self) -> bool:
        """Tell whether no operand holds an infinity or NaN."""
        overflow = getattr(DTYPES[self.dtype].format, "max_exponent", 64)  # of integers none does
        return all(
            tensor.values.magnitude < overflow or bool(np.isfinite(self.arrays[name]).all())
            for name, tensor in self.tensors.items()
        )

    @property
    def output_positions(self) -> int:
        """Positions that one weight is applied at: batch x output height x output width."""
        return math.prod(self.output_shape) // max(self.weight.shape[0], 1)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the forward pass."""
        return math.prod(self.weight.shape[1:]) * math.prod(self.output_shape)

    def replace(self, **changes: Any) -> Case:
        """Return a copy with some fields changed, those of `params` by their own names."""
        names = ("stride", "padding", "dilation", "groups", "padding_mode")
        inner = {name: changes.pop(name) for name in names if name in changes}
        if inner:
            changes["params"] = replace(changes.get("params", self.params), **inner)
        return replace(self, **changes)

    def forward(self) -> Case:
        """Return the same call without derivatives."""
        plain: dict[str, Any] = {f"direction_{name}": None for name in GRADIENTS}
        plain["mode"] = "eager" if feasible({"mode": self.mode, "passes": "forward"}) else self.mode
        return self.replace(gradients=(), grad_output=None, derivative="first", **plain)

    def in_mode(self, mode: str) -> Case:
        """Return the same call made in another way; a sum's grad_output is all ones."""
        changes: dict[str, Any] = {"mode": mode}
        if mode == "sum-backward" and self.grad_output is not None:
            changes["grad_output"] = Tensor(self.grad_output.shape, Recipe("ones"))
        return self.replace(**changes)

    @cached_property
    def key(self) -> str:
        """Sixteen hexadecimal digits that identify the call."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back to an equal case."""
        p = self.params
        params = {
            "stride": list(p.stride),
            "padding": p.padding if isinstance(p.padding, str) else list(p.padding),
            "dilation": list(p.dilation),
            "groups": p.groups,
            "padding_mode": p.padding_mode,
        }
        tensors = {name: tensor.to_json() for name, tensor in self.tensors.items()}
        more = {"params": params, "dtype": self.dtype, "gradients": list(self.gradients)}
        other = {} if self.derivative == "first" else {"derivative": self.derivative}
        other |= {} if self.mode == "eager" else {"mode": self.mode}
        return {**tensors, **more, **other}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Case:
        """Return the case that `to_json` wrote; ValueError names what is wrong with other data."""
        try:
            tensors = {k: Tensor.from_json(data[k]) for k in OPERANDS if data.get(k) is not None}
            p = data["params"]
            padding = p["padding"] if isinstance(p["padding"], str) else tuple(p["padding"])
            params = Conv2dParams(
                tuple(p["stride"]), padding, tuple(p["dilation"]), p["groups"], p["padding_mode"]
            )
            gradients = tuple(data["gradients"])
            more: dict[str, Any] = {"derivative": data.get("derivative", "first"), **tensors}
            more["mode"] = data.get("mode", "eager")
            return cls(params=params, dtype=data["dtype"], gradients=gradients, **more)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a case: {type(error).__name__} {error}") from error

    def summary(self) -> str:
        """Return the call in one line, defaults left out."""
        parts = [self.dtype, f"input {_shape(self.input)}", f"weight {_shape(self.weight)}"]
        if self.bias is not None:
            parts.append("bias" if self.bias.layout == "contiguous" else f"{self.bias.layout} bias")
        p, plain = self.params, Conv2dParams()
        for name in ("stride", "padding", "dilation", "groups", "padding_mode"):
            value = getattr(p, name)
            if value != getattr(plain, name):
                parts.append(f"{name} {value}")
        if self.gradients and self.grad_output is not None:
            layout = self.grad_output.layout
            how = "" if layout == "contiguous" else f" ({layout} grad_output)"
            parts.append(f"gradients of {', '.join(self.gradients)}{how}")
        if self.derivative != "first":
            parts.append({"second": "and second order"}.get(self.derivative, self.derivative))
        parts += [f"mode {self.mode}"] if self.mode != "eager" else []
        return ", ".join(parts)

    __repr__ = summary


def _shape(tensor: Tensor) -> str:
    extents = "x".join(map(str, tensor.shape))
    return extents if tensor.layout == "contiguous" else f"{extents} {tensor.layout}"


__all__ = ["OPERANDS", "Case", "Explicit", "Tensor"]
