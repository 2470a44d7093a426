"""Derivatives beyond the gradients: along a direction (forward mode), and of the gradients again.

Runs in the worker process only, like `properties.execution`, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import forward_ad

from properties.operands import Named, Operation


def forward_mode(operation: Operation, tensors: Named, build: Callable[[Named], Operation]) -> Any:
    """Return output and tangent: the derivative along the directions of all operands at once.

    `operation` is bound to the operands themselves, `build` binds it to others.
    """
    with forward_ad.dual_level():
        duals = {
            name: forward_ad.make_dual(tensors[name].detach(), tensors[f"direction_{name}"])
            for name in _operands(tensors)
        }
        if isinstance(operation, torch.nn.Module):
            output = torch.func.functional_call(operation, duals, (duals.pop("input"),))
        else:
            output = build(duals)(duals["input"])
        if not isinstance(output, torch.Tensor):
            return {"output": output, "tangent": None}
        primal, tangent = forward_ad.unpack_dual(output)
        return {"output": primal, "tangent": tangent}


def second(operation: Operation, tensors: Named) -> Any:
    """Return the output, its gradients, and the gradients of S, a sum of direction * gradient.

    The latter with respect to input, weight and grad_output; the directions are constants, and
    those of complex operands conjugated: S = Re sum(conj(direction) * gradient).
    """
    names = _operands(tensors)
    upstream = tensors["grad_output"].requires_grad_()
    output = operation(tensors["input"])
    if not isinstance(output, torch.Tensor):
        return {"output": output}
    leaves = [tensors[name] for name in names]
    gradients = torch.autograd.grad(output, leaves, upstream, create_graph=True)
    terms = zip(names, gradients, strict=True)
    total = sum((tensors[f"direction_{name}"].conj() * g).sum().real for name, g in terms)
    wanted = [tensors["input"], tensors["weight"], upstream]
    # What an empty batch leaves out of the graph has the gradient zero.
    found = torch.autograd.grad(total, wanted, materialize_grads=True)  # type: ignore[arg-type]
    again = zip(("second_input", "second_weight", "second_grad_output"), found, strict=True)
    plain = {name: gradient.detach() for name, gradient in zip(names, gradients, strict=True)}
    return {"output": output.detach(), **plain, **dict(again)}


def per_sample(operation: Operation, tensors: Named, build: Callable[[Named], Operation]) -> Any:
    """Return output and gradients of weight and bias for each image by itself, stacked."""
    names = _operands(tensors)[1:]
    parameters = {name: tensors[name].detach() for name in names}

    def loss(own: Named, image: torch.Tensor, upstream: torch.Tensor) -> Any:
        if isinstance(operation, torch.nn.Module):
            output = torch.func.functional_call(operation, own, (image[None],))
        else:
            output = build(own)(image[None])
        return (output[0] * upstream).sum(), output[0]

    each = torch.vmap(torch.func.grad(loss, has_aux=True), (None, 0, 0))
    found, output = each(parameters, tensors["input"], tensors["grad_output"])
    return {"output": output, **{f"sample_{name}": found[name] for name in names}}


def _operands(tensors: Named) -> list[str]:
    return [name for name in ("input", "weight", "bias") if tensors.get(name) is not None]
