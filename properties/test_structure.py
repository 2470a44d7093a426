"""Relations between parameters: each rewrites one parameter away and must change nothing.

On integers both sides agree bit for bit; on real data they differ by at most the sum of their
radii, because an implementation may sum in another order for another shape.
"""

from __future__ import annotations

from hypothesis import given

import reference
from properties.case import Case, Tensor
from properties.domain import FACTORS
from properties.relations import concatenate, insert_zeros, take
from properties.strategies import cases
from properties.subject import Subject

FORWARD = ("forward",)
PADDED = ("1", "0,1", "1,0", "2", "3,1", "kernel", "same")
NUMERIC = ("0", "1", "0,1", "1,0", "2", "3,1", "kernel", "valid")
STRIDED = FACTORS["stride"][1:]
SPATIAL = ("square", "1xK", "Kx1", "rectangle")


def padded_first(case: Case) -> Case:
    """Return the same convolution with the padding written into the input."""
    pads = case.params.pads(case.weight.shape[-2:])
    padded = reference.pad(case.arrays["input"], pads, case.params.padding_mode)
    return case.replace(input=Tensor.of(padded, case.input.layout), padding=0, padding_mode="zeros")


@given(
    case=cases(padding=PADDED, padding_mode=("zeros",), passes=FORWARD, derived={"padding": "0"})
)
def test_padding_is_pad_then_valid(conv2d: Subject, case: Case) -> None:
    """conv2d(x, padding=p) = conv2d(zeros round x, padding=0)."""
    relation = "padding inside the call is not padding before it"
    conv2d.require_equal(case, relation, conv2d.measure(case), conv2d.measure(padded_first(case)))


@given(
    case=cases(
        padding=PADDED,
        padding_mode=("reflect", "replicate", "circular"),
        passes=FORWARD,
        derived={"padding": "0", "padding_mode": "zeros"},
    )
)
def test_padding_modes_pad_as_defined(conv2d: Subject, case: Case) -> None:
    """Conv2d(padding_mode=m)(x) = conv2d(x padded by m, padding=0): reflect, replicate, circular.

    Where the total is odd ('same' with an even kernel) the extra row and column go to the end.
    """
    relation = f"padding_mode={case.params.padding_mode!r} is not padding by that mode before"
    conv2d.require_equal(case, relation, conv2d.measure(case), conv2d.measure(padded_first(case)))


@given(case=cases(stride=STRIDED, padding=NUMERIC, passes=FORWARD, derived={"stride": "1"}))
def test_stride_is_a_subsample_of_stride_1(conv2d: Subject, case: Case) -> None:
    """conv2d(x, stride=s) = conv2d(x, stride=1)[..., ::s, ::s]."""
    step = case.params.stride
    dense = conv2d.measure(case.replace(stride=1))
    sampled = take(dense, (..., slice(None, None, step[0]), slice(None, None, step[1])))
    relation = "stride is not a subsample of stride 1"
    conv2d.require_equal(case, relation, conv2d.measure(case), sampled)


@given(
    case=cases(
        kernel=SPATIAL,
        dilation=FACTORS["dilation"][1:],
        passes=FORWARD,
        derived={"dilation": "1"},
    )
)
def test_dilation_is_a_zero_inserted_kernel(conv2d: Subject, case: Case) -> None:
    """conv2d(x, w, dilation=d) = conv2d(x, w with d - 1 zeros between taps, dilation=1)."""
    spread = insert_zeros(case.arrays["weight"], case.params.dilation)
    dense = case.replace(weight=Tensor.of(spread, case.weight.layout), dilation=1)
    relation = "dilation is not a kernel with zeros inserted"
    conv2d.require_equal(case, relation, conv2d.measure(case), conv2d.measure(dense))


@given(case=cases(groups=FACTORS["groups"][1:], passes=FORWARD, derived={"groups": "1"}))
def test_groups_are_a_concatenation(conv2d: Subject, case: Case) -> None:
    """conv2d(x, w, groups=g) = the g convolutions of the channel blocks, concatenated."""
    groups, x, w = case.params.groups, case.arrays["input"], case.arrays["weight"]
    b = case.arrays.get("bias")
    shared, out = w.shape[1], w.shape[0] // groups
    parts = []
    for g in range(groups):
        channels, outputs = slice(g * shared, (g + 1) * shared), slice(g * out, (g + 1) * out)
        part = case.replace(
            input=Tensor.of(x[..., channels, :, :], case.input.layout),
            weight=Tensor.of(w[outputs], case.weight.layout),
            bias=Tensor.of(b[outputs]) if b is not None else None,
            groups=1,
        )
        parts.append(conv2d.measure(part))
    relation = "groups are not a concatenation of convolutions"
    conv2d.require_equal(case, relation, conv2d.measure(case), concatenate(parts, -3))
