"""Array-likes and tensors become arrays without a change of value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import reference
from tests.reference.problems import refused

X = np.arange(16.0).reshape(1, 4, 4) - 7
K = np.array([[[[1.0, -2.0], [0.5, 4.0]]]])
Y = reference.conv2d_loops(X, K)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str
)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_float_tensors_are_read_exactly(dtype: torch.dtype, requires_grad: bool) -> None:
    """Tensors of every floating type, with or without a graph, give the float64 result."""
    x = torch.tensor(X, dtype=dtype, requires_grad=requires_grad)
    k = torch.tensor(K, dtype=dtype, requires_grad=requires_grad)
    y = reference.conv2d(x * 1, k)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, Y)
    enclosure = reference.enclose_conv2d(x, k, arithmetic=reference.FLOAT32)
    assert enclosure.contains(torch.from_numpy(y).to(dtype)).all()


@pytest.mark.parametrize(
    "dtype",
    ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"],
)
def test_integers_give_int64(dtype: str) -> None:
    """Integer arrays and tensors of every width are computed in int64."""
    x, k = np.arange(16).reshape(1, 4, 4), np.array([[[[1, 2], [3, 4]]]])
    expected = reference.corr2d(x[0], k[0, 0])
    for convert in (np.asarray, torch.from_numpy):
        y = reference.conv2d(convert(x.astype(dtype)), convert(k.astype(dtype)))
        assert y.dtype == np.int64
        np.testing.assert_array_equal(y[0], expected)


def test_layouts_do_not_matter() -> None:
    """Transposed, strided, reversed, Fortran-ordered, expanded and neg views read as values."""
    wide = np.zeros((1, 4, 8))
    wide[..., ::2] = X
    views: list[Any] = [
        np.asfortranarray(X),
        wide[..., ::2],
        np.ascontiguousarray(X[:, ::-1])[:, ::-1],
        X.astype(">f8"),
        torch.from_numpy(X.copy()).transpose(1, 2).contiguous().transpose(1, 2),
        torch.from_numpy(X.copy())[None].to(memory_format=torch.channels_last)[0],
        torch._neg_view(torch.from_numpy(-X)),
    ]
    for view in views:
        np.testing.assert_array_equal(reference.conv2d(view, K), Y)
        np.testing.assert_array_equal(reference.conv2d_loops(view, K), Y)
    expanded = torch.tensor(3.0).expand(1, 4, 4)
    assert reference.conv2d(expanded, K).tolist() == [[[10.5] * 3] * 3]


def test_lists_are_untyped() -> None:
    """Lists of integers stay integers among themselves, and become floats beside a float."""
    kernel = [[[[1, 0], [0, 1]]]]
    assert reference.conv2d([[[0, 1], [2, 3]]], kernel).dtype == np.int64
    assert reference.conv2d([[[0.0, 1], [2, 3]]], kernel).dtype == np.float64
    assert reference.conv2d(X, kernel).dtype == np.float64
    assert reference.conv2d(np.ones((1, 2, 2), np.int8), kernel).dtype == np.int64


class _Arrayable:
    """Something with __array__ and nothing else."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return X


def test_other_containers_are_read_through_array() -> None:
    """Whatever NumPy can read is an array-like."""
    np.testing.assert_array_equal(reference.conv2d(_Arrayable(), K), Y)


REFUSED: list[tuple[Any, str]] = [
    (X != 0, "`input` has dtype bool"),
    (X.astype(np.clongdouble), f"`input` has dtype {np.dtype(np.clongdouble).name}"),
    (X.astype(np.longdouble), f"`input` has dtype {np.dtype(np.longdouble).name}"),
    (X.astype(object), "`input` has dtype object"),
    (torch.from_numpy(X) != 0, "`input` has dtype bool"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_other_kinds_are_refused(value: Any, message: str) -> None:
    """Bool, objects and extended types are refused by name."""
    rule = " instead of an integer, floating-point or complex type of at most 64 bits a part"
    with refused(message + rule):
        reference.conv2d(value, K)


@pytest.mark.parametrize("value", [[[1.0], [1.0, 2.0]], torch.zeros(1, 4, 4, device="meta")])
def test_unreadable_values_are_refused(value: Any) -> None:
    """A ragged list and a tensor without storage are named."""
    with pytest.raises(ValueError, match=r"^`input` cannot be read as an array: "):
        reference.conv2d(value, K)


def test_typed_kinds_do_not_mix() -> None:
    """Integer and floating arrays do not mix, as in torch; two floating types do."""
    with refused("`input` has dtype int32, but `weight` has dtype float32"):
        reference.conv2d(X.astype(np.int32), torch.tensor(K, dtype=torch.float32))
    np.testing.assert_array_equal(reference.conv2d(X.astype(np.float32), K), Y)
