"""Dtypes: every number survives the way to memory and back, and is rounded once on the way in."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from properties.dtypes import COMPLEX, DTYPES, FLOATING, INTEGER, REAL, Dtype
from properties.values import Recipe


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_torch_holds_the_same_bytes(dtype: Dtype) -> None:
    """The stored bytes are torch's own for the same numbers, and read back to equal numbers."""
    kind = "words" if dtype.kind == "integer" else "normal"
    values = Recipe(kind, 5).expand((2, 60))
    exact = dtype.rounded(values[0] + 1j * values[1] if dtype.kind == "complex" else values[0])
    stored = dtype.to_stored(exact).tobytes()
    tensor = torch.from_numpy(exact).to(getattr(torch, dtype.name))
    assert stored == bytes(tensor.view(torch.uint8).numpy())
    np.testing.assert_array_equal(dtype.from_stored(stored), exact, strict=True)
    assert len(stored) == 60 * dtype.itemsize


@pytest.mark.parametrize("name", REAL)
def test_rounding_is_to_the_nearest(name: str) -> None:
    """No number of the dtype is nearer to a value than the one it is rounded to."""
    dtype = DTYPES[name]
    values = np.concatenate(
        [Recipe(kind, 3, exponent).expand((200,)) for kind in ("normal", "wide13", "cancelling")
         for exponent in (0, -9)]
    )  # fmt: skip
    rounded = dtype.rounded(values)
    assert dtype.format is not None
    for sign in (-1.0, 1.0):
        neighbours = dtype.rounded(rounded + sign * dtype.format.spacing(rounded))
        for value, near, other in zip(values, rounded, neighbours, strict=True):
            distance = abs(Fraction(value) - Fraction(near))
            assert distance <= abs(Fraction(value) - Fraction(other))


@pytest.mark.parametrize("name", COMPLEX)
def test_parts_are_rounded_by_themselves(name: str) -> None:
    """A complex number is rounded part by part."""
    dtype, part = DTYPES[name], DTYPES["float32" if name == "complex64" else "float64"]
    real, imaginary = Recipe("normal", 8).expand((2, 50))
    found = dtype.rounded(real + 1j * imaginary)
    np.testing.assert_array_equal(found.real, part.rounded(real))
    np.testing.assert_array_equal(found.imag, part.rounded(imaginary))


@pytest.mark.parametrize("name", INTEGER)
def test_words_keep_their_low_bits(name: str) -> None:
    """An integer dtype keeps the low bits of a word, as torch does."""
    words = Recipe("words", 4).expand((100,))
    narrowed = torch.from_numpy(words.copy()).to(getattr(torch, name)).to(torch.int64)
    np.testing.assert_array_equal(DTYPES[name].rounded(words), narrowed.numpy(), strict=True)


def test_every_dtype_is_of_one_kind() -> None:
    """Floating and integer dtypes are all there are, and none is both."""
    assert sorted(FLOATING + INTEGER) == sorted(DTYPES)
