"""`watch(model)`: the convolutions inside a model are judged on the activations that reach them."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint

from properties import watch
from properties.replay import FAILED, FIXED, replay
from properties.rows import RESULTS
from properties.values import Recipe
from properties.violations import Violation
from properties.watched import Layer, Watched
from tests.killing import Recycling
from tests.plugin_targets import ROOT, environment
from tests.watch_layers import (
    ColumnShort,
    Doubles,
    InputGradientOff,
    LeNet,
    Shared,
    TapOff,
    WeightGradientOff,
    WritesInput,
)

ALL = dict.fromkeys(RESULTS, 1)


def data(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return bell-shaped numbers."""
    return torch.tensor(Recipe("normal", seed).expand(shape), dtype=dtype)


def train(model: nn.Module, steps: int, images: int = 4) -> None:
    """Train on made-up images and classes."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        classes = torch.arange(images) % 10
        loss: Tensor = F.cross_entropy(model(data(images, 1, 28, 28, seed=step)), classes)
        torch.autograd.backward(loss)
        optimizer.step()


def only(watched: Watched) -> Layer:
    """Return the only layer, with nothing wrong."""
    assert watched.violations == [], str(watched)
    (layer,) = watched.layers.values()
    return layer


def hooks(model: nn.Module) -> int:
    """Count the hooks of a model's modules."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


def test_every_call_of_lenet_is_judged() -> None:
    """Forward and backward, each step, each layer; the images' own gradient is nobody's."""
    model, steps = LeNet(), 3
    with watch(model) as watched:
        train(model, steps)
    watched.require()
    first, second = watched.layers["conv1"], watched.layers["conv2"]
    assert set(watched.layers) == {"conv1", "conv2"}
    assert first.judged == {"output": steps, "weight": steps, "bias": steps}
    assert second.judged == dict.fromkeys(RESULTS, steps)
    assert not first.unjudged
    assert not second.unjudged
    assert 0 < max(second.used.values()) <= 1


def test_training_is_what_it_was() -> None:
    """A watched model ends with the same weights, and without a hook."""
    torch.manual_seed(0)
    plain = LeNet()
    watched_model = copy.deepcopy(plain)
    with watch(watched_model) as watched:
        assert hooks(watched_model) == 4
        train(watched_model, 2)
    train(plain, 2)
    assert hooks(watched_model) == 0
    watched.close()  # again: nothing happens
    for one, other in zip(plain.parameters(), watched_model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert type(watched_model.conv1.weight) is nn.Parameter
    before = watched.layers["conv1"].calls
    train(watched_model, 1)
    assert watched.layers["conv1"].calls == before


@pytest.mark.parametrize(
    ("layer", "kind", "title"),
    [
        (TapOff, "value", "y["),
        (WeightGradientOff, "value", "grad_weight[0, 0, 0, 0]"),
        (InputGradientOff, "value", "grad_input["),
        (WritesInput, "mutation", "the call wrote to its input"),
        (Doubles, "dtype", "float64"),
    ],
)
def test_a_wrong_layer_is_named(layer: type[nn.Conv2d], kind: str, title: str) -> None:
    """The violation names the layer, and no other layer is blamed."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), layer(2, 3, (3, 2)))
    with watch(model) as watched:
        model(data(1, 1, 7, 6)).float().sum().backward()
    assert not watched.layers["0"].wrong
    violation = watched.violations[0]
    assert violation.kind == kind
    assert title in violation.title
    assert violation.facts["layer"] == "2, call 1"
    assert "2, call 1" in str(watched)


@pytest.mark.parametrize("layer", [TapOff, WeightGradientOff])
def test_a_violation_can_be_made_again(
    layer: type[nn.Conv2d], spares: Recycling, tmp_path: Path
) -> None:
    """Script and replay show it, and no longer do with nn.Conv2d in the layer's place."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), layer(2, 3, (3, 2)))
    with watch(model, directory=tmp_path) as watched:
        model(data(1, 1, 7, 6)).sum().backward()
    with pytest.raises(Violation, match="reproduce"):
        watched.require()
    (case,), (script,) = tmp_path.glob("cases/*.json"), tmp_path.glob("repro/*.py")
    assert replay(case, spares)[0] == FAILED
    assert _status(script) == 1
    name = f"tests.watch_layers:{layer.__name__}"
    for path in (case, script):
        path.write_text(path.read_text().replace(name, "torch.nn:Conv2d"))
    assert replay(case, spares)[0] == FIXED
    assert _status(script) == 0


def _status(script: Path) -> int:
    command = [sys.executable, "-P", str(script)]
    variables = environment(PYTHONPATH=str(ROOT))
    return subprocess.run(command, env=variables, check=False, timeout=100).returncode


def test_a_wrong_shape_is_a_violation() -> None:
    """What is wrong with the form of an output is told, and its values are not judged."""
    layer = ColumnShort(1, 1, 3)
    with watch(layer) as watched:
        layer(data(1, 1, 5, 5))
    assert [violation.kind for violation in watched.violations] == ["shape"]
    assert watched.layers["ColumnShort"].wrong == {"output": 1}


def test_there_is_no_script_of_a_local_class(tmp_path: Path) -> None:
    """A class that cannot be imported by name is reported without one, and says so."""

    class Local(TapOff):
        pass

    layer = Local(1, 1, 3)
    with watch(layer, directory=tmp_path) as watched:
        layer(data(1, 1, 5, 5))
    with pytest.raises(Violation, match="not importable by name"):
        watched.require()
    assert list(tmp_path.iterdir()) == []


def test_each_call_of_a_shared_layer_has_gradients_of_its_own() -> None:
    """A layer called three times a step is judged three times, and its gradients accumulate."""
    model = Shared()
    with watch(model) as watched:
        for _ in range(2):
            model(data(2, 2, 5, 6).requires_grad_()).square().sum().backward()
    layer = only(watched)
    assert (layer.calls, layer.judged) == (6, dict.fromkeys(RESULTS, 6))


PLAIN: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("plain", {}, (2, 4, 6, 5)),
    ("unbatched", {}, (4, 6, 5)),
    ("same", {"padding": "same", "dilation": 2}, (2, 4, 6, 5)),
    ("valid", {"padding": "valid"}, (2, 4, 6, 5)),
    ("reflect", {"padding": (1, 2), "padding_mode": "reflect"}, (2, 4, 6, 5)),
    ("replicate", {"padding": 2, "padding_mode": "replicate"}, (2, 4, 6, 5)),
    ("circular", {"padding": 1, "padding_mode": "circular"}, (2, 4, 6, 5)),
    ("no bias", {"bias": False, "groups": 2, "stride": (2, 1)}, (2, 4, 6, 5)),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("name", "options", "shape"), PLAIN, ids=[name for name, *_ in PLAIN])
def test_all_forms_of_a_call_are_judged(
    name: str, options: dict[str, Any], shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    """Output and all gradients, in each padding, shape and dtype."""
    layer = nn.Conv2d(4, 6, (3, 2), dtype=dtype, **options)
    x = data(*shape, dtype=dtype).requires_grad_()
    with watch(layer) as watched:
        y = layer(x)
        y.backward(data(*y.shape, seed=1, dtype=dtype))
    expected = {key: 1 for key in RESULTS if key != "bias" or layer.bias is not None}
    assert only(watched).judged == expected


def test_memory_formats_complex_numbers_and_keywords() -> None:
    """channels_last activations, complex layers and a named argument are judged like others."""
    layer = nn.Conv2d(4, 6, 3)
    x = data(2, 4, 6, 5).contiguous(memory_format=torch.channels_last)
    with watch(layer) as watched:
        layer(input=x.requires_grad_()).sum().backward()
    assert only(watched).judged == ALL
    layer = nn.Conv2d(2, 3, 3, dtype=torch.complex64)
    x = torch.complex(data(2, 2, 6, 5), data(2, 2, 6, 5, seed=1)).requires_grad_()
    with watch(layer) as watched:
        layer(x).abs().square().sum().backward()
    assert only(watched).judged == ALL


def test_what_needs_no_gradient_has_none() -> None:
    """no_grad, frozen weights and inputs that require no gradient leave those results out."""
    layer = nn.Conv2d(2, 2, 3)
    with watch(layer) as watched, torch.no_grad():
        layer(data(1, 2, 5, 5).requires_grad_())
    assert only(watched).judged == {"output": 1}
    with watch(layer.eval()) as watched:
        layer(data(1, 2, 5, 5)).sum().backward()
    assert only(watched).judged == {"output": 1, "weight": 1, "bias": 1}
    layer.weight.requires_grad_(False)
    x = data(1, 2, 5, 5).requires_grad_()
    with watch(layer) as watched:
        torch.autograd.grad(layer(x).sum(), x)
    assert only(watched).judged == {"output": 1, "input": 1}


def test_gradients_that_accumulate_are_judged_apart() -> None:
    """Without zero_grad, with retain_graph, and with several losses, each pass is judged alone."""
    layer = nn.Conv2d(2, 2, 3)
    with watch(layer) as watched:
        y = layer(data(1, 2, 5, 5))
        y.square().sum().backward(retain_graph=True)
        y.sum().backward()
        layer(data(1, 2, 5, 5, seed=1)).sum().backward()
    assert only(watched).judged == {"output": 2, "weight": 3, "bias": 3}


def test_second_order_gradients_are_counted_not_judged() -> None:
    """After create_graph, what reaches an operand is not the gradient of its call alone."""
    layer = nn.Conv2d(2, 2, 3)
    x = data(1, 2, 5, 5).requires_grad_()
    with watch(layer) as watched:
        y = layer(x).square().sum()
        (gradient,) = torch.autograd.grad(y, x, create_graph=True)
        (y + gradient.square().sum()).backward()
    found = only(watched)
    assert found.judged == {"output": 1, "input": 1}
    # Of the second pass: input, weight, bias.
    assert found.unjudged == {"gradient beyond the first order": 3}


def test_autocast_is_judged_in_its_dtype() -> None:
    """Operands are rounded to bfloat16, which is what the convolution sees; so are gradients."""
    model = Shared()
    with watch(model) as watched:
        with torch.autocast("cpu", torch.bfloat16):
            y = model(data(2, 2, 5, 6).requires_grad_())
        y.float().square().sum().backward()
    assert y.dtype == torch.bfloat16
    assert only(watched).judged == dict.fromkeys(RESULTS, 3)
    wrong = TapOff(2, 2, 3)
    with watch(wrong) as watched, torch.autocast("cpu", torch.bfloat16):
        wrong(data(2, 2, 5, 6))
    assert [(v.kind, v.case.dtype) for v in watched.violations] == [("value", "bfloat16")]


@pytest.mark.parametrize("wrap", [parametrizations.weight_norm, parametrizations.spectral_norm])
@pytest.mark.parametrize("is_cached", [False, True])
def test_a_parametrised_weight_is_the_one_computed(
    wrap: Callable[[nn.Module], nn.Module], is_cached: bool
) -> None:
    """A computed weight is computed once per call, or by the model's own cache, and judged."""
    model = nn.Sequential(wrap(nn.Conv2d(2, 2, 3, padding=1)))
    x = data(2, 2, 5, 6).requires_grad_()
    with watch(model) as watched:
        for _ in range(2):
            if is_cached:
                with parametrize.cached():
                    y = model(model(x))
            else:
                y = model(model(x))
            y.square().sum().backward()
    assert only(watched).judged == dict.fromkeys(RESULTS, 4)
    assert only(watched).target == "torch.nn:Conv2d"


def test_hooks_in_place_operations_and_checkpoints() -> None:
    """What a model does around a layer changes nothing: its hooks run outside of the judge's."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Conv2d(2, 2, 3))
    model[2].register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    model[2].register_forward_hook(lambda module, args, output: output * 3)
    with watch(model) as watched:
        y = checkpoint(model, data(2, 1, 8, 8).requires_grad_(), use_reentrant=False)
        y.register_hook(lambda gradient: gradient * 5)
        y.square().sum().backward()
    assert watched.violations == []
    # Forward twice: the second time the checkpoint breaks off as soon as it has what it needs.
    first, last = watched.layers.values()
    assert first.judged == {**ALL, "output": 2}
    assert (last.judged, last.unjudged) == (ALL, {"the call raised": 1})


def test_each_so_manieth_call_and_a_limit() -> None:
    """`every` leaves calls out, and above `limit` chosen elements are judged: errors there, too."""
    layer = nn.Conv2d(2, 3, 3)
    with watch(layer, every=3) as watched:
        for seed in range(7):
            layer(data(1, 2, 5, 5, seed=seed).requires_grad_()).sum().backward()
    assert (only(watched).calls, only(watched).judged) == (7, dict.fromkeys(RESULTS, 3))
    with watch(layer, limit=100) as watched:
        layer(data(2, 2, 9, 9).requires_grad_()).square().sum().backward()
    assert only(watched).sampled == ALL
    for wrong in (TapOff, WeightGradientOff, InputGradientOff):
        layer = wrong(2, 3, 3)
        with watch(layer, limit=100) as watched:
            layer(data(2, 2, 9, 9).requires_grad_()).square().sum().backward()
        assert {violation.kind for violation in watched.violations} == {"value"}


def test_what_cannot_be_judged_is_told() -> None:
    """Infinities, calls that raise, transforms, and padded inputs beyond the limit are counted."""
    layer = nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular")
    with watch(layer, limit=100) as watched:
        layer(torch.full((1, 2, 5, 5), torch.inf))
        layer(data(1, 2, 5, 5).requires_grad_()).sum().backward()
        with pytest.raises(RuntimeError):
            layer(data(1, 3, 5, 5))
        torch.func.vmap(layer)(data(2, 1, 2, 5, 5))
        (layer(data(1, 2, 5, 5)) * torch.inf).sum().backward()
    found = only(watched)
    assert found.judged == {"output": 2, "weight": 1, "bias": 1}
    assert found.unjudged == {
        "not finite": 3,  # a call and two gradients
        "gradient of a large padded input": 1,
        "the call raised": 1,
        "inside a transform of torch.func": 1,
    }
    assert "not judged: the call raised, 1 times" in str(watched)
    assert layer.weight.is_leaf


def test_a_copy_of_the_model_is_not_watched() -> None:
    """Calls of a copy made while the model is watched are the copy's own."""
    layer = nn.Conv2d(2, 3, 3)
    with watch(layer) as watched:
        copied = copy.deepcopy(layer)
        copied(data(1, 2, 5, 5)).sum().backward()
    assert copied.weight.grad is not None
    assert watched.layers["Conv2d"].calls == 0
    with pytest.raises(RuntimeError, match="no call of a layer was judged"):
        watched.require()


def test_wrong_requests_are_refused() -> None:
    """A model without a convolution, and options out of range, are errors."""
    with pytest.raises(ValueError, match="`model`=Linear has no nn"):
        watch(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="`every`=0"):
        watch(nn.Conv2d(1, 1, 1), every=0)
    with pytest.raises(ValueError, match="`limit`=-1"):
        watch(nn.Conv2d(1, 1, 1), limit=-1)


def test_importing_the_package_loads_no_torch() -> None:
    """`import properties` costs nothing; `from properties import watch` brings torch."""
    tell = "print('torch' in sys.modules)"
    code = f"import sys, properties; {tell}; properties.watch; {tell}"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "True"]


def test_a_model_that_is_compiled_meanwhile_is_judged() -> None:
    """Under torch.compile each layer is judged as without, and a defect is found."""
    for first, wrong in ((nn.Conv2d(1, 2, 3), False), (TapOff(1, 2, 3), True)):
        model = nn.Sequential(first, nn.ReLU(), nn.Conv2d(2, 1, 2))
        with watch(model) as watched:
            compiled: Any = torch.compile(model, backend="eager")
            torch.autograd.backward(compiled(data(2, 1, 6, 6)).sum())
        assert [layer.calls for layer in watched.layers.values()] == [1, 1]
        assert [sum(layer.judged.values()) for layer in watched.layers.values()][1] == 4
        assert bool(watched.violations) == wrong


def test_what_is_not_judged_has_its_own_reason() -> None:
    """The gradients of a call that was not judged are not for the same reason."""
    layer = nn.Conv2d(1, 1, 1)
    with watch(layer) as watched:
        torch.autograd.backward(layer(torch.full((1, 1, 2, 2), float("nan"))).sum())
    assert dict(only(watched).unjudged) == {"not finite": 3}
