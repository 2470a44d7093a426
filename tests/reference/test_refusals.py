"""What nn.Conv2d refuses, the oracle refuses, naming the argument and the rule."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import reference
from tests.reference.problems import refused

OUTPUT = (1, 1, 3, 3)


class Refusal(NamedTuple):
    """A call that must be refused, by its shapes and arguments, and the whole message."""

    message: str
    input: tuple[int, ...] = (1, 4, 5, 5)
    weight: tuple[int, ...] = (2, 4, 3, 3)
    bias: tuple[int, ...] | None = None
    arguments: dict[str, Any] = {}  # noqa: RUF012

    def arrays(self) -> list[Any]:
        """Return zeros of the shapes."""
        return [None if s is None else np.zeros(s) for s in (self.input, self.weight, self.bias)]


KERNEL = "`kernel_size`=(3, 3) with dilation {} is larger than the padded input {}"
REFUSALS = [
    Refusal("`stride`=0 must be at least 1", arguments={"stride": 0}),
    Refusal("`stride`=(1, 0) must be at least 1", arguments={"stride": (1, 0)}),
    Refusal("`stride`=-1 must be at least 1", arguments={"stride": -1}),
    Refusal("`stride`=(1, 1, 1) has length 3 instead of 2", arguments={"stride": (1, 1, 1)}),
    Refusal("`stride`=() has length 0 instead of 2", arguments={"stride": ()}),
    Refusal(
        "`stride`=1.0 is neither an integer nor a pair of integers", arguments={"stride": 1.0}
    ),
    Refusal(
        "`stride`=True is neither an integer nor a pair of integers", arguments={"stride": True}
    ),
    Refusal("`stride`='1' is neither an integer nor a pair of integers", arguments={"stride": "1"}),
    Refusal(
        "`stride`=(1, 1.5) is neither an integer nor a pair of integers",
        arguments={"stride": (1, 1.5)},
    ),
    Refusal(
        "`stride`=9223372036854775808 does not fit in a 64-bit integer",
        arguments={"stride": 2**63},
    ),
    Refusal("`padding`=-1 must be at least 0", arguments={"padding": -1}),
    Refusal("`padding`=(0, -2) must be at least 0", arguments={"padding": (0, -2)}),
    Refusal(
        "`padding`='full' is not 'valid', 'same', an integer or a pair",
        arguments={"padding": "full"},
    ),
    Refusal(
        "`padding`=0.5 is neither an integer nor a pair of integers", arguments={"padding": 0.5}
    ),
    Refusal(
        "`stride`=2 must be 1 when `padding`='same'", arguments={"padding": "same", "stride": 2}
    ),
    Refusal(
        "`stride`=(1, 2) must be 1 when `padding`='same'",
        arguments={"padding": "same", "stride": (1, 2)},
    ),
    Refusal("`dilation`=0 must be at least 1", arguments={"dilation": 0}),
    Refusal("`dilation`=(2, -1) must be at least 1", arguments={"dilation": (2, -1)}),
    Refusal("`groups`=0 must be at least 1", arguments={"groups": 0}),
    Refusal("`groups`=-2 must be at least 1", arguments={"groups": -2}),
    Refusal("`groups`=1.0 is not an integer", arguments={"groups": 1.0}),
    Refusal("`groups`=True is not an integer", arguments={"groups": True}),
    Refusal("`groups`=3 does not divide in_channels=4", arguments={"groups": 3}),
    Refusal(
        "`groups`=2 does not divide out_channels=3",
        weight=(3, 2, 3, 3), arguments={"groups": 2},
    ),
    Refusal(
        "`padding_mode`='constant' is not one of ('zeros', 'reflect', 'replicate', 'circular')",
        arguments={"padding_mode": "constant"},
    ),
    Refusal("`input` of shape (5, 5) is neither (N, C, H, W) nor (C, H, W)", input=(5, 5)),
    Refusal(
        "`input` of shape (1, 1, 4, 5, 5) is neither (N, C, H, W) nor (C, H, W)",
        input=(1, 1, 4, 5, 5),
    ),
    Refusal(
        "`weight` of shape (2, 3, 3) is not (out_channels, channels, KH, KW)", weight=(2, 3, 3)
    ),
    Refusal("`weight` of shape (0, 4, 3, 3) has no output channels", weight=(0, 4, 3, 3)),
    Refusal("`weight` of shape (2, 4, 0, 3) has an empty kernel", weight=(2, 4, 0, 3)),
    Refusal(
        "`weight` of shape (2, 3, 3, 3) with groups=1 takes in_channels=3, but `input` has"
        " in_channels=4",
        weight=(2, 3, 3, 3),
    ),
    Refusal("`bias` of shape (3,) is not (2,)", bias=(3,)),
    Refusal("`bias` of shape (2, 1) is not (2,)", bias=(2, 1)),
    Refusal("`bias` of shape () is not (2,)", bias=()),
    Refusal(KERNEL.format("(1, 1)", "(2, 5)"), input=(1, 4, 2, 5)),
    Refusal(KERNEL.format("(1, 1)", "(2, 5)"), input=(0, 4, 2, 5)),
    Refusal(KERNEL.format("(3, 3)", "(5, 5)"), arguments={"dilation": 3}),
    Refusal(
        "`input` of shape (1, 4, 0, 5) is empty in neither batch nor channels",
        input=(1, 4, 0, 5), arguments={"padding": 2},
    ),
    Refusal(
        "`padding`=((5, 5), (0, 0)) must be less than the input size (5, 5)",
        arguments={"padding": (5, 0), "padding_mode": "reflect"},
    ),
    Refusal(
        "`padding`=((0, 0), (6, 6)) must be at most the input size (5, 5)",
        arguments={"padding": (0, 6), "padding_mode": "circular"},
    ),
    Refusal(
        "`input` of shape (0, 4, 0, 5) is empty, which mode 'replicate' cannot pad",
        input=(0, 4, 0, 5), arguments={"padding": 2, "padding_mode": "replicate"},
    ),
    Refusal(
        "`input` of shape (1, 0, 5, 5) is empty, which mode 'reflect' cannot pad",
        input=(1, 0, 5, 5), weight=(2, 0, 3, 3),
        arguments={"padding": 1, "padding_mode": "reflect"},
    ),
]  # fmt: skip

FORWARD: list[Callable[..., Any]] = [
    reference.conv2d_loops,
    reference.conv2d,
    reference.conv2d_flipped,
    lambda *a, **k: reference.enclose_conv2d(*a, **k, arithmetic=reference.FLOAT32),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.message)
def test_every_form_refuses_with_the_same_message(refusal: Refusal) -> None:
    """The definition, the fast forms and the enclosure raise one ValueError, word for word."""
    for form in FORWARD:
        with refused(refusal.message):
            form(*refusal.arrays(), **refusal.arguments)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.message)
def test_torch_refuses_the_same_call(refusal: Refusal) -> None:
    """No refusal is the oracle's own: torch raises for the same arguments."""
    x, w, b = (None if a is None else torch.from_numpy(a) for a in refusal.arrays())
    arguments = dict(refusal.arguments)

    def by_module() -> Any:
        outputs, channels, *kernel = refusal.weight
        size = kernel[0], kernel[1]
        module = torch.nn.Conv2d(channels, outputs, size, dtype=torch.float64, **arguments)
        return module(x)

    def by_function() -> Any:
        conv2d: Any = torch.nn.functional.conv2d
        return conv2d(x, w, b, **arguments)

    call = by_module if "padding_mode" in arguments else by_function
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        call()


@pytest.mark.parametrize(
    ("size", "grad_shape", "message"),
    [
        ((1, 1, 5, 5), (1, 1, 2, 3), f"`grad_output` of shape (1, 1, 2, 3) is not {OUTPUT}"),
        ((1, 1, 5, 5), (1, 3, 3), f"`grad_output` of shape (1, 3, 3) is not {OUTPUT}"),
        ((1, 5, 5), OUTPUT, f"`grad_output` of shape {OUTPUT} is not (1, 3, 3)"),
        ((5, 5), OUTPUT, "`input_size` of shape (5, 5) is neither (N, C, H, W) nor (C, H, W)"),
        ((1, 1, 5, -5), OUTPUT, "`input_size`=-5 must be at least 0"),
        ((1, 1, 5, 5.0), OUTPUT, "`input_size`=5.0 is not an integer"),
    ],
)
def test_gradients_check_their_sizes(
    size: tuple[Any, ...], grad_shape: tuple[int, ...], message: str
) -> None:
    """grad_output must have the shape of the output, and a size must be a shape."""
    for form in (reference.conv2d_input, reference.conv2d_input_loops):
        with refused(message):
            form(size, np.zeros((1, 1, 3, 3)), np.zeros(grad_shape))


@pytest.mark.parametrize(
    ("size", "grad_shape", "message"),
    [
        ((1, 1, 3, 3), (1, 1, 2, 3), f"`grad_output` of shape (1, 1, 2, 3) is not {OUTPUT}"),
        ((3, 3), OUTPUT, "`weight_size` of shape (3, 3) is not (out_channels, channels, KH, KW)"),
        ((1, 1, 0, 3), OUTPUT, "`weight_size` of shape (1, 1, 0, 3) has an empty kernel"),
    ],
)
def test_weight_gradients_check_their_sizes(
    size: tuple[int, ...], grad_shape: tuple[int, ...], message: str
) -> None:
    """The same for the gradient with respect to the weight."""
    for form in (reference.conv2d_weight, reference.conv2d_weight_loops):
        with refused(message):
            form(np.zeros((1, 1, 5, 5)), size, np.zeros(grad_shape))


def test_refusals_of_the_special_forms() -> None:
    """corr2d, conv2d_pointwise and conv2d_bias name what they cannot take."""
    plane, image = np.zeros((2, 2)), np.zeros((1, 2, 2))
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: reference.corr2d(image, plane), "`x` of shape (1, 2, 2) is not a matrix"),
        (lambda: reference.corr2d(plane, plane[:, :0]), "`k` of shape (2, 0) is not a matrix"),
        (
            lambda: reference.corr2d(plane, np.zeros((3, 1))),
            "`k` of shape (3, 1) is larger than `x` of shape (2, 2)",
        ),
        (
            lambda: reference.conv2d_pointwise(image, np.zeros((1, 1, 1, 2))),
            "`weight` of shape (1, 1, 1, 2) is not a 1x1 kernel",
        ),
        (
            lambda: reference.conv2d_bias(plane),
            "`grad_output` of shape (2, 2) is neither (N, C, H, W) nor (C, H, W)",
        ),
    ]
    for call, message in cases:
        with refused(message):
            call()


def test_what_does_not_fit_memory_is_refused_before_allocation() -> None:
    """Huge expanded views, paddings and sizes are refused by their size alone."""
    one = np.float32(1)
    huge = np.broadcast_to(one, (1, 1, 2**21, 2**21))
    kernel, grad = np.ones((1, 1, 3, 3)), np.broadcast_to(one, (1, 1, 2**21 - 2, 2**21 - 2))
    calls: list[Callable[[], Any]] = [
        lambda: reference.conv2d(huge, kernel),
        lambda: reference.conv2d(torch.ones(()).expand(1, 1, 2**21, 2**21), kernel),
        lambda: reference.conv2d(np.ones((1, 1, 3, 3)), kernel, padding=2**40),
        lambda: reference.conv2d(np.ones((1, 1, 3, 3)), kernel, padding="same", dilation=2**40),
        lambda: reference.conv2d_loops(huge, kernel),
        lambda: reference.conv2d_input(huge.shape, kernel, grad),
        lambda: reference.conv2d_weight(huge, kernel.shape, grad),
        lambda: reference.conv2d_bias(grad),
        lambda: reference.corr2d(huge[0, 0], kernel[0, 0]),
        lambda: reference.pad(kernel, ((0, 0), (0, 2**40))),
        lambda: reference.enclose_conv2d(huge, kernel, arithmetic=reference.FLOAT32),
        lambda: reference.enclose_conv2d_bias(grad, arithmetic=reference.FLOAT32),
    ]
    tracemalloc.start()
    for call in calls:
        with pytest.raises(ValueError, match=r" needs .* GB, but this machine has .* GB$"):
            call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_memory_refusal_in_full() -> None:
    """The message names the argument, its shape, the need and the machine's memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    message = (
        "`grad_output` of shape (1, 1, 33554432, 33554432) needs 9.01e+06 GB, but this machine has"
        f" {memory:.3g} GB"
    )
    with refused(message):
        reference.conv2d_bias(np.broadcast_to(np.float64(1), (1, 1, 2**25, 2**25)))
