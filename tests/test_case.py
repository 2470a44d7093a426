"""`Case`: immutable, the same after JSON bit for bit, with torch's own shapes and strides."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

import numpy as np
import pytest
import torch

from properties.case import Case, Explicit, Tensor
from properties.values import Recipe
from reference import Conv2dParams

ODD = [0.0, -0.0, 5e-324, 0.1, -1.7976931348623157e308, np.inf, -np.inf, np.nan]
PLAIN = Case(Tensor((2, 4, 5, 6), Recipe("normal", 1)), Tensor((6, 2, 3, 2), Recipe("integers", 2)))


def full() -> Case:
    """Return a case that uses every field."""
    case = PLAIN.replace(
        input=Tensor((2, 4, 5, 6), Recipe("normal", 1, -20), "channels_last"),
        bias=Tensor.of(np.array([0.1, -0.0, 5e-324, 3.0, np.inf, -1e300])),
        stride=(2, 1),
        padding=(0, 1),
        dilation=(1, 2),
        groups=2,
        padding_mode="reflect",
        dtype="float64",
    )
    upstream = Tensor(case.output_shape, Recipe("sparse", 9), "channels_last")
    return case.replace(gradients=("input", "bias"), grad_output=upstream)


def through_json(case: Case) -> Case:
    """Return the case after a real round trip through JSON text."""
    return Case.from_json(json.loads(json.dumps(case.to_json())))


def layouts(tensors: dict[str, Tensor]) -> list[tuple[tuple[int, ...], str]]:
    """Return what is declared about each tensor besides its values."""
    return [(tensor.shape, tensor.layout) for tensor in tensors.values()]


@pytest.mark.parametrize("case", [PLAIN, full(), PLAIN.replace(groups=2, padding="same")])
def test_json_keeps_everything(case: Case) -> None:
    """from_json(to_json(case)) has the same key, parameters, layouts and bits."""
    again = through_json(case)
    assert again.key == case.key
    assert (again.params, again.dtype, again.gradients) == (
        case.params,
        case.dtype,
        case.gradients,
    )
    assert layouts(again.tensors) == layouts(case.tensors)
    for name, array in case.arrays.items():
        assert again.arrays[name].tobytes() == array.tobytes()


def test_hex_floats_keep_every_bit() -> None:
    """Signed zeros, subnormals, infinities and the largest number survive; a NaN stays one."""
    values = Tensor.of(np.array(ODD).reshape(2, 4))
    array = Tensor.from_json(json.loads(json.dumps(values.to_json()))).values.expand((2, 4))
    assert array.ravel()[:-1].tobytes() == np.array(ODD[:-1]).tobytes()
    assert np.isnan(array[1, 3])


def test_a_case_is_immutable() -> None:
    """Neither fields, nor arrays, nor written-out values can be assigned to."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLAIN.dtype = "float64"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        PLAIN.arrays["input"][0, 0, 0, 0] = 1.0
    source = np.ones(3)
    explicit = Explicit(source)
    source[0] = 7.0
    assert explicit.array[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        explicit.array[0] = 2.0


def test_the_key_is_the_call() -> None:
    """Equal calls have equal keys; each change of one field gives another."""
    case = full()
    assert case.key == full().key == through_json(case).key
    assert len(case.key) == 16
    changed = [
        case,
        case.forward(),
        case.replace(dtype="float32"),
        case.replace(stride=(1, 2)),
        case.replace(padding=(1, 0)),
        case.replace(dilation=(2, 1)),
        case.replace(padding_mode="circular"),
        case.replace(bias=Tensor.of(np.array([0.1, 0.0, 5e-324, 3.0, np.inf, -1e300]))),
        case.replace(weight=Tensor(case.weight.shape, Recipe("integers", 3))),
        case.replace(input=Tensor(case.input.shape, case.input.values)),
        case.replace(gradients=("input",)),
    ]
    assert len({c.key for c in changed}) == len(changed)


def test_the_key_never_changes() -> None:
    """Recorded cases are found again by later versions: the key of one call is fixed."""
    assert PLAIN.key == "0c7836f255854ea2"


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_strides_are_torchs(layout: str) -> None:
    """Strides equal those of a torch tensor in that memory format, with extents 0 and 1 too."""
    form = getattr(torch, "contiguous_format" if layout == "contiguous" else layout)
    wrong = {}
    for shape in itertools.product((0, 1, 2), (0, 1, 3), (0, 1, 2), (0, 1, 4)):
        expected = torch.empty(shape, memory_format=form, device="meta").stride()
        found = Tensor(shape, Recipe("ones"), layout).strides
        if found != expected:
            wrong[shape] = (found, expected)
    assert not wrong


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_are_rounded_once(dtype: str) -> None:
    """`arrays` holds the recipe's values rounded to the dtype, as float64."""
    case = PLAIN.replace(dtype=dtype)
    exact = Recipe("normal", 1).expand((2, 4, 5, 6))
    rounded = torch.from_numpy(exact).to(getattr(torch, dtype)).double().numpy()
    assert case.arrays["input"].dtype == np.float64
    assert np.array_equal(case.arrays["input"], rounded)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize(
    ("params", "batch"),
    [
        ({}, (2,)),
        ({"stride": (2, 1), "padding": (1, 2), "dilation": (2, 1)}, (3,)),
        ({"padding": "same", "dilation": (1, 3)}, (1,)),
        ({"padding": "valid", "stride": 3, "groups": 2}, ()),
        ({"groups": 4, "padding": 3}, (0,)),
    ],
)
def test_output_shape_and_work_are_torchs(params: dict[str, Any], batch: tuple[int, ...]) -> None:
    """output_shape is torch's; macs count taps per output, output_positions outputs per channel."""
    p = Conv2dParams(**params)
    shape = (*batch, 4, 7, 9)
    case = Case(
        Tensor(shape, Recipe("ones")), Tensor((8, 4 // p.groups, 3, 2), Recipe("ones")), None, p
    )
    x, w = torch.empty(shape, device="meta"), torch.empty(case.weight.shape, device="meta")
    y = torch.nn.functional.conv2d(x, w, None, p.stride, p.padding, p.dilation, p.groups)
    assert case.output_shape == tuple(y.shape)
    assert case.macs == y.numel() * (4 // p.groups) * 3 * 2
    assert case.output_positions * 8 == y.numel()


def test_replace_reaches_into_params() -> None:
    """Parameters are replaced by name and checked again; everything else is kept."""
    changed = PLAIN.replace(stride=2, groups=2)
    assert (changed.params.stride, changed.params.groups) == ((2, 2), 2)
    assert changed.input is PLAIN.input
    with pytest.raises(ValueError, match=r"^`stride`=0 must be at least 1$"):
        PLAIN.replace(stride=0)


def test_summary_leaves_defaults_out() -> None:
    """The one-line form names what differs from a plain call, and nothing else."""
    assert PLAIN.summary() == "float32, input 2x4x5x6, weight 6x2x3x2"
    assert full().summary() == (
        "float64, input 2x4x5x6 channels_last, weight 6x2x3x2, bias, stride (2, 1), "
        "padding (0, 1), dilation (1, 2), groups 2, padding_mode reflect, "
        "gradients of input, bias (channels_last grad_output)"
    )


def without(*path: str) -> Any:
    """Return the JSON of a full case without one entry."""
    data: Any = full().to_json()
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "^not a case: "),
        ({}, "^not a case: KeyError 'params'$"),
        (without("weight"), "^not a case: "),
        (without("params", "groups"), "^not a case: KeyError 'groups'$"),
        (without("input", "layout"), "^not a case: KeyError 'layout'$"),
        (without("grad_output"), "^`grad_output` goes with `gradients`: give both or neither$"),
        (without("bias"), "^`gradients` names bias, but there is none$"),
        (
            full().to_json() | {"dtype": "int4"},
            "^`dtype`='int4' is not one of float32, float64, .*$",
        ),
        (full().to_json() | {"dtype": "int8"}, "^`gradients` of int8 do not exist$"),
        (full().to_json() | {"gradients": ["stride"]}, "gradients"),
        (full().to_json() | {"gradients": "input"}, "gradients"),
        (full().to_json() | {"bias": 3}, "^not a case: "),
    ],
)
def test_what_is_no_case_is_refused(data: Any, message: str) -> None:
    """from_json raises ValueError, which names what is wrong, for whatever else it is given."""
    with pytest.raises(ValueError, match=message):
        Case.from_json(data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layout": "nchw"}, "^`layout`='nchw' is not one of contiguous, channels_last, "),
        ({"shape": [2, -1]}, r"^`shape`=\(2, -1\) has a negative extent$"),
        ({"values": ["0x1p0"]}, "reshape"),
        ({"values": ["one", "two"]}, "hexadecimal"),
        ({"values": ["0x1p0", "0x1p99999"]}, "values"),
        ({"values": {"kind": "gauss"}}, "^`kind`='gauss' is not one of "),
    ],
)
def test_what_is_no_tensor_is_refused(changes: dict[str, Any], message: str) -> None:
    """Values that do not fit the shape, or are no numbers, raise ValueError too."""
    good = {"shape": [2], "layout": "contiguous", "values": ["0x1p0", "-0x0p0"]}
    assert Tensor.from_json(good).values.expand((2,)).tolist() == [1.0, -0.0]
    with pytest.raises(ValueError, match=message):
        Tensor.from_json(good | changes)
