"""Extents of zero: what torch defines for them, and what the definition says where it does not."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from properties.case import Case, Tensor
from properties.domain import OutOfDomain, active
from properties.dtypes import INTEGER
from properties.subject import Subject
from properties.values import Recipe
from reference import Conv2dParams

# Images, input channels, height and width: a batch or channels of zero may have any extent of zero.
EMPTY = ((0, 2, 3, 3), (0, 1, 1, 4), (0, 2, 0, 3), (0, 3, 2, 0), (0, 2, 0, 0))
CHANNELLESS = ((1, 0, 3, 3), (2, 0, 2, 4), (1, 0, 0, 2), (0, 0, 2, 2))
KERNELS = ((1, 1), (2, 2), (3, 1), (1, 2))
Draw = st.DrawFn


@st.composite
def empties(draw: Draw, shapes: tuple[tuple[int, ...], ...]) -> Case:
    """Return a strategy for calls whose input has no element; the padding makes room."""
    domain = active().within(batch=("0",), mode=("eager",))
    passes = draw(st.sampled_from(domain.options("passes")))
    dtypes = [d for d in domain.options("dtype") if passes == "forward" or d not in INTEGER]
    if not dtypes:
        raise OutOfDomain("integers have no gradients")
    shape, kernel = draw(st.sampled_from(shapes)), draw(st.sampled_from(KERNELS))
    weight = (draw(st.sampled_from((1, 2, 3))), shape[1], *kernel)
    params = Conv2dParams(draw(st.sampled_from((1, 2))), kernel, draw(st.sampled_from((1, 2))))
    layout = draw(st.sampled_from([o for o in ("contiguous", "channels_last") if _has(o)]))
    biased = "bias" in passes.split("+") or draw(st.sampled_from(domain.options("bias"))) == "yes"
    more: dict[str, Any] = {"bias": Tensor(weight[:1], Recipe("integers", 3))} if biased else {}
    case = Case(
        Tensor(shape, Recipe("integers", 1), layout),
        Tensor(weight, Recipe("integers", 2)),
        params=params,
        dtype=draw(st.sampled_from(dtypes)),
        **more,
    )
    if passes == "forward":
        return case
    upstream = Tensor(case.output_shape, Recipe("integers", 4))
    return case.replace(gradients=tuple(passes.split("+")), grad_output=upstream)


def _has(layout: str) -> bool:
    return layout in active().options("layout")


@given(case=empties(EMPTY))
def test_an_empty_batch_has_an_empty_output(conv2d: Subject, case: Case) -> None:
    """Of no images the output is (0, Cout, OH, OW), whatever their extent, and gradients are 0."""
    conv2d.check(case)


@given(case=empties(CHANNELLESS))
def test_without_input_channels_the_output_is_the_bias(conv2d: Subject, case: Case) -> None:
    """An empty sum is 0: with no input channels every output is its bias, and gradients follow."""
    conv2d.check(case)
