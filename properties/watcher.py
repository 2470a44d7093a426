"""`watch`: hooks at every nn.Conv2d of a model, which copy what a call reads and returns.

Runs beside the model, in its process. A call is given aliases of its operands that require
gradients: what flows back through them is this call's share, whoever else uses the operand.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from properties.case import Case, Tensor
from properties.copies import NAMES, Unjudged, copied, exact, form, layout
from properties.facts import build, flags
from properties.observation import require_form
from properties.violations import MutationViolation, Violation
from properties.watched import Layer, Place, Watched
from reference import Conv2dParams

LIMIT = 10**8  # multiply-accumulates: to judge one takes some 0.1 s
BUILD = cache(build)
IEEE = ("none", "ieee")  # of the settings of a float32 convolution on the CPU


def watch(
    model: nn.Module, *, every: int = 1, limit: int = LIMIT, directory: str | Path = ".conv2d"
) -> Watched:
    """Judge every call of the nn.Conv2d layers of `model`, forward and backward, until closed.

    every      judge each so manieth call of a layer, from the first on
    limit      multiply-accumulates above which a call is judged at chosen elements only
    directory  where `require` writes the case and the script of a violation

    A layer is judged by its attributes and parameters at the time of the call: a subclass, too.
    Under `torch.compile` it is judged if it is compiled meanwhile; code that was compiled before
    knows of no hooks, and then nothing is judged.
    Raises ValueError if there is no nn.Conv2d, or if `every` or `limit` is out of range.
    """
    if every < 1 or limit < 0:
        raise ValueError(f"`every`={every} must be at least 1, and `limit`={limit} at least 0")
    watched = Watched(Path(directory))
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            shown = name or type(module).__name__
            layer = Layer(shown, _target(module), limit, watched.found)
            watched.layers[shown] = layer
            watched.handles += _Hooks(module, layer, every).attach()
    if not watched.layers:
        raise ValueError(f"`model`={type(model).__name__} has no nn.Conv2d")
    return watched


def _target(module: nn.Module) -> str:
    cls = parametrize.type_before_parametrizations(module)
    return "torch.nn:Conv2d" if cls is nn.Conv2d else f"{cls.__module__}:{cls.__qualname__}"


class _Hooks:
    """The hooks of one layer; a copy of the model shares them, and they leave it alone."""

    def __init__(self, module: nn.Conv2d, layer: Layer, every: int) -> None:
        self.module, self.layer, self.every = module, layer, every
        self.calls: list[_Call | None] = []

    def __deepcopy__(self, memo: object) -> _Hooks:
        return self

    def attach(self) -> list[Any]:
        """Add the hooks: after what changes the operands, before what changes the result."""
        # A model that is compiled meanwhile breaks its graph here; torch does not trace the judge.
        kept_out: Any = torch.compiler.disable
        before = self.module.register_forward_pre_hook(kept_out(self.before), with_kwargs=True)
        after = self.module.register_forward_hook(
            kept_out(self.after), with_kwargs=True, prepend=True, always_call=True
        )
        return [before, after]

    def before(self, module: nn.Module, args: Any, kwargs: Any) -> Any:
        """Copy the operands and put aliases in their places."""
        if module is not self.module:
            return None
        self.layer.calls += 1
        self.calls.append(None)
        if (self.layer.calls - 1) % self.every:
            return None
        given = [*args, *kwargs.values()]
        try:
            if len(given) != 1:
                raise Unjudged("called with more than an input")
            self.calls[-1] = call = _Call(self.module, self.layer, given[0])
        except Unjudged as reason:
            self.layer.unjudged[str(reason)] += 1
            return None
        return ((call.input,), {}) if args else ((), dict.fromkeys(kwargs, call.input))

    def after(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        """Take the aliases away and judge the output; of a call that raised there is none."""
        call = self.calls.pop() if module is self.module and self.calls else None
        if call is None:
            return
        call.homes.close()
        try:
            if output is None:
                raise Unjudged("the call raised")
            call.returned(output)
        except Unjudged as reason:
            call.reason = str(reason)  # of its gradients, too
            self.layer.unjudged[call.reason] += 1


class _Call:
    """One call: copies of its operands, and of the gradient that reaches its output."""

    def __init__(self, module: nn.Conv2d, layer: Layer, input: Any) -> None:
        self.layer, self.input, self.homes = layer, input, ExitStack()
        self.params = Conv2dParams(
            module.stride, module.padding, module.dilation, module.groups, module.padding_mode
        )
        try:
            # A parametrised weight is computed once, here; the call then finds it in the cache.
            self.homes.enter_context(parametrize.cached())
            named = {"input": input, "weight": module.weight, "bias": module.bias}
            self.operands = {name: value for name, value in named.items() if value is not None}
            self.copies = {name: copied(value) for name, value in self.operands.items()}
        except BaseException:
            self.homes.close()
            raise
        self.asked = tuple(name for name in self.operands if self._alias(module, name))
        self.case: Case | None = None
        self.place = Place(str(input.device), {})
        self.task, self.reason, self.is_differentiated = -1, "", False

    def _alias(self, module: nn.Conv2d, name: str) -> bool:
        """Give the call an alias of an operand, if it requires a gradient; tell so."""
        original = self.operands[name]
        if not (original.requires_grad and torch.is_grad_enabled()):
            return False
        alias = original.view_as(original)
        homes: tuple[tuple[dict[Any, Any], Any], ...] = (
            (module._parameters, name),
            (vars(module), name),
            (parametrize._cache, (id(module), name)),
        )
        found = [(home, key) for home, key in homes if home.get(key) is original]
        if name == "input":
            self.input = alias
        elif not found:
            self.layer.unjudged[f"gradient of a computed {name}"] += 1
            return False
        for home, key in found:
            home[key] = alias
            self.homes.callback(home.__setitem__, key, original)
        alias.register_hook(partial(self.gradient, name))
        return True

    def returned(self, output: Any) -> None:
        """Judge the output, and ask to be told of the gradient that reaches it."""
        source = self.operands["input"]
        device, dtype = source.device.type, source.dtype
        if torch.is_autocast_enabled(device) and isinstance(output, torch.Tensor):
            dtype = output.dtype  # the operands that the convolution sees are rounded to it
        if device == "cpu" and dtype == torch.float32:
            backend: Any = torch.backends.mkldnn
            precision = backend.conv.fp32_precision
            if precision not in IEEE:
                raise Unjudged(f"float32 computed in {precision}")
        self.dtype = NAMES[dtype]
        self._look()
        case = self._case()
        try:
            require_form(case, "output", form(output), case.output_shape, device)
            self._require_unchanged(case)
        except Violation as violation:
            self.layer.refuse(violation, "output", self.place)
            return
        self.layer.judge(case, "output", exact(output), self.place)
        del self.operands, self.input  # or they would live as long as the graph
        if self.asked and output.grad_fn is not None:
            output.grad_fn.register_prehook(partial(self.reached, output.output_nr))

    def reached(self, number: int, gradients: Any) -> None:
        """Copy the gradient of the output: a backward pass has come to the call."""
        self.case, self.task = None, torch._C._current_graph_task_id()
        self.reason = "gradient beyond the first order"
        if self.is_differentiated or gradients[number] is None:
            return
        self.is_differentiated = torch.is_grad_enabled()
        self._look()
        try:
            self.case = self._case(copied(gradients[number]))
        except Unjudged as reason:
            self.reason = str(reason)

    def gradient(self, name: str, gradient: torch.Tensor) -> None:
        """Judge a gradient, if it comes from the pass that the output's gradient came from.

        After `create_graph=True` what arrives may come through the gradients themselves.
        """
        if self.task != torch._C._current_graph_task_id():
            self.case = None
            if self.task >= 0 or not self.reason:
                self.reason = "gradient beyond the first order"
        if self.case is None:
            self.layer.unjudged[self.reason] += 1
            return
        self.layer.judge(self.case, name, exact(gradient), self.place)

    def _look(self) -> None:
        """Read the flags that the arithmetic depends on, as they are now."""
        kind = self.place.device.partition(":")[0]
        self.place = Place(self.place.device, {**BUILD(), **flags(kind)})

    def _case(self, grad_output: torch.Tensor | None = None) -> Case:
        """Return the call with its values written out; of numbers as autocast rounds them."""
        named = dict(self.copies)
        if grad_output is not None:
            named["grad_output"] = grad_output
        tensors = {}
        for name, copy in named.items():
            values = copy.to(getattr(torch, self.dtype))
            if not torch.isfinite(values).all():
                raise Unjudged("not finite")
            tensors[name] = Tensor.of(exact(values), layout(copy))
        gradients = () if grad_output is None else self.asked
        more: dict[str, Any] = {"gradients": gradients, **tensors}
        return Case(params=self.params, dtype=self.dtype, **more)

    def _require_unchanged(self, case: Case) -> None:
        for name, copy in self.copies.items():
            if not torch.equal(copied(self.operands[name]), copy):
                raise MutationViolation(f"the call wrote to its {name}", case)
