"""Layouts: where elements lie, against torch's own views; values that never depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from properties.case import Case, Tensor
from properties.domain import Domain
from properties.dtypes import DTYPES
from properties.implementation import Implementation
from properties.layouts import (
    CONJUGATED,
    LAYOUTS,
    NEGATED,
    effective,
    in_memory,
    place,
    refusal,
    settled,
)
from properties.memory_formats import as_batch, copied, dense
from properties.operands import Operands
from properties.requests import encode
from properties.runner import Runner
from properties.subject import Subject
from properties.values import Recipe

SHAPES = ((2, 3, 4, 5), (3, 4, 5), (5,), (1, 3, 1, 1), (0, 2, 3, 3), (1, 1, 1, 1))
X = torch.arange(3 * 5 * 6 * 9, dtype=torch.float64).reshape(3, 5, 6, 9)
LAST = X.contiguous(memory_format=torch.channels_last)
# Views that users make, of X or of its channels_last copy, with the layouts that stand for them.
VIEWS = {
    "channel-slice": X[:, 1:4],
    "row-slice": X[:, :, 1:5],
    "column-slice": X[..., 1:8],
    "channels_last-channel-slice": LAST[:, 1:4],
    "channels_last-row-slice": LAST[:, :, 1:5],
    "channels_last-column-slice": LAST[..., 1:8],
    "transposed": X.transpose(2, 3),
    "swapped": X.transpose(0, 1),
    "expanded-images": X[:1].expand(4, 5, 6, 9),
    "expanded-channels": X[:, :1].contiguous().expand(3, 7, 6, 9),
    "expanded-rows": X[:, :, :1].contiguous().expand(3, 5, 8, 9),
    "channels_last-every-other-channel": X[:, :4].contiguous(memory_format=torch.channels_last)[
        :, ::2
    ],
    "channels_last-expanded-images": LAST[:1].expand(4, 5, 6, 9),
    "expanded": torch.zeros(()).expand(2, 3, 4, 5),
    "contiguous": X,
    "channels_last": LAST,
}


@pytest.mark.parametrize("layout", VIEWS)
def test_placements_are_those_of_torchs_views(layout: str) -> None:
    """Strides and offset are those of the view that the layout is named for."""
    view = VIEWS[layout]
    found = place(tuple(view.shape), layout)
    assert (found.strides, found.offset) == (view.stride(), view.storage_offset())


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        (name, shape)
        for name in LAYOUTS
        for shape in SHAPES
        if not refusal(name, len(shape), "real")
    ],
)
def test_memory_holds_what_the_strides_read(layout: str, shape: tuple[int, ...]) -> None:
    """Elements written by place and read back by torch's strides are the settled values."""
    values = settled(np.arange(np.prod(shape), dtype=np.float64).reshape(shape), layout)
    placement = place(shape, layout)
    memory = in_memory(values, layout)
    assert len(memory) == 8 * placement.size
    if values.size:
        flat = torch.frombuffer(bytearray(memory), dtype=torch.float64)
        found = flat.as_strided(shape, placement.strides, placement.offset)
        assert np.array_equal(found.numpy(), values)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_workers_operand_has_values_and_strides(layout: str) -> None:
    """What the worker builds has the case's values and strides, and is unchanged by reading."""
    dtype = "complex64" if layout in CONJUGATED else "float32"
    case = Case(
        Tensor((2, 3, 4, 5), Recipe("integers", 3), layout),
        Tensor((2, 3, 1, 1), Recipe("ones")),
        dtype=dtype,
    )
    request, buffers = encode(case)
    data = [memoryview(bytes(buffer)) for buffer in buffers]
    operands = Operands(request["tensors"], data, torch.device("cpu"))
    tensor = operands.tensors["input"]
    assert tensor.stride() == case.input.strides
    assert np.array_equal(tensor.resolve_conj().resolve_neg().numpy(), case.arrays["input"])
    assert operands.changed() == []
    assert (tensor.is_conj(), tensor.is_neg()) == (layout in CONJUGATED, layout in NEGATED)
    assert tensor.data_ptr() % 64 == {"misaligned": tensor.itemsize}.get(
        layout, 4 * place(tuple(tensor.shape), layout).offset % 64
    )


def test_a_write_to_a_gap_is_a_write_next_to_the_operand() -> None:
    """A gap between the elements of a slice belongs to somebody else."""
    case = Case(
        Tensor((1, 1, 2, 3), Recipe("ones"), "column-slice"), Tensor((1, 1, 1, 1), Recipe("ones"))
    )
    request, buffers = encode(case)
    data = [memoryview(bytes(buffer)) for buffer in buffers]
    operands = Operands(request["tensors"], data, torch.device("cpu"))
    operands.tensors["input"].as_strided((1,), (1,), 0).fill_(2.0)
    assert operands.changed() == ["input"]


def test_elements_of_one_place_have_one_value() -> None:
    """Of an expanded or overlapping tensor the oracle sees what memory keeps."""
    values = Tensor((2, 2, 2, 3), Recipe("normal", 5), "expanded-rows").expand(DTYPES["float64"])
    assert np.array_equal(values[:, :, 0], values[:, :, 1])
    sliding = Tensor((1, 1, 3, 4), Recipe("normal", 5), "overlapping").expand(DTYPES["float64"])
    assert np.array_equal(sliding[0, 0, 1, :-1], sliding[0, 0, 0, 1:])
    assert Tensor.of(np.arange(6.0).reshape(1, 1, 2, 3), "expanded-rows").layout == "contiguous"
    assert Tensor.of(np.ones((1, 1, 2, 3)), "expanded-rows").layout == "expanded-rows"


def test_the_sum_of_complex_parts_lies_as_torch_lays_it() -> None:
    """Torch convolves real + imag too: of which strides that sum is, decides its memory format."""
    memory = torch.zeros(2000, dtype=torch.complex64)
    for layout, *shape in product(LAYOUTS, (1, 3), (1, 2), (1, 2), (1, 3)):
        tensor = Tensor(tuple(shape), Recipe("ones"), layout)
        view = memory.as_strided(tensor.shape, tensor.strides)
        assert dense(as_batch(tensor)) == (tensor.shape, (view.real + view.imag).stride())


def test_a_layout_is_named_by_what_it_does() -> None:
    """A slice or an expansion along an axis of one element is no such thing."""
    assert effective((2, 3, 1, 4), "expanded-rows") == "odd-strides"
    assert effective((2, 3, 2, 4), "odd-strides") == "contiguous"
    assert effective((2, 1, 2, 4), "odd-strides") == "odd-strides"
    assert effective((2, 3, 2, 4), "row-slice") == "row-slice"


@pytest.fixture(scope="module")
def stock() -> Iterator[Subject]:
    """Return stock torch, in one worker for all."""
    with Runner(Implementation("F.conv2d")) as runner:
        yield Subject(runner.implementation.on(runner.start()), runner, Domain())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_value_is_the_oracles_whatever_the_layout(stock: Subject, layout: str) -> None:
    """Stock torch agrees with the oracle for every operand in every layout, one at a time."""
    dtype = "complex64" if layout in CONJUGATED else "float32"
    plain = Case(
        Tensor((2, 4, 5, 6), Recipe("integers", 1)),
        Tensor((6, 2, 3, 2), Recipe("integers", 2)),
        Tensor((6,), Recipe("integers", 3)),
        dtype=dtype,
        gradients=("input", "weight", "bias"),
        grad_output=Tensor((2, 6, 2, 3), Recipe("integers", 4)),
    ).replace(stride=(2, 2), padding=(1, 0), groups=2)
    plain = plain.replace(
        grad_output=replace(plain.tensors["grad_output"], shape=plain.output_shape)
    )
    for name, tensor in plain.tensors.items():
        if not refusal(layout, len(tensor.shape), DTYPES[dtype].kind):
            stock.check(plain.replace(**{name: replace(tensor, layout=layout)}))


def test_a_copy_has_the_strides_that_torch_gives_it() -> None:
    """`copied` is `torch.empty_like`, of slices, transposed and expanded tensors alike."""
    words = Recipe("words", 0).expand((2000, 8)).astype(np.int64).tolist()
    for drawn in words:
        shape = tuple((1, 1, 2, 3)[(word >> 20) % 4] for word in drawn[:4])
        strides = tuple((0, 1, 2, 3, 6, 7, 12, 30)[(word >> 20) % 8] for word in drawn[4:])
        tensor = torch.zeros(400).as_strided(shape, strides)
        assert copied((shape, strides)) == (shape, torch.empty_like(tensor).stride())
