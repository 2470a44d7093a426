"""Tensors of any size from their recipes, by torch, on the device where they are wanted.

The worker imports this file and the scripts of violations have it written out: it needs nothing,
and is given the module `torch`. Elements are those of `properties.values`, bit for bit.
"""

from __future__ import annotations

from typing import Any

KINDS = ("integers", "signs", "ones")  # what `hashed` knows


def hashed(torch: Any, recipe: Any, index: Any) -> Any:
    """Return the float64 elements at flat indices (int64): splitmix64, at a counter."""
    kind, seed, exponent = recipe

    def wrapped(number: int) -> int:
        return (number + 2**63) % 2**64 - 2**63

    def mixed(z: Any, shift: int) -> Any:
        return z ^ ((z >> shift) & ((1 << (64 - shift)) - 1))

    z = (index + 1) * wrapped(0x9E3779B97F4A7C15) + wrapped((seed + 1) * 0xD1B54A32D192ED03)
    z = mixed(z, 30) * wrapped(0xBF58476D1CE4E5B9)
    z = mixed(mixed(z, 27) * wrapped(0x94D049BB133111EB), 31)
    if kind == "ones":
        values = torch.ones_like(z)
    else:
        values = 1 - 2 * (z & 1)
        values = values * (1 + ((z >> 8) & 3)) if kind == "integers" else values
    return values.to(torch.float64) * 2.0**exponent


def expanded(torch: Any, spec: dict[str, Any], dtype: Any, device: Any) -> Any:
    """Return the tensor of `spec`: its shape, strides, and recipe [kind, seed, exponent].

    In memory it is dense; its elements are numbered in row-major order.
    """
    shape, strides = spec["shape"], spec["strides"]
    sizes = [1]
    for extent in reversed(shape):
        sizes.insert(0, sizes[0] * extent)
    size, *rows = sizes
    flat = torch.empty(size, dtype=dtype, device=device)
    # What a cache holds, or what keeps a GPU busy.
    piece = 1 << (16 if flat.device.type == "cpu" else 24)
    for start in range(0, size, piece):
        place = torch.arange(start, min(start + piece, size), device=device)
        number = place
        if list(strides) != rows:
            parts = zip(shape, strides, rows, strict=True)
            number = sum(place // step % extent * row for extent, step, row in parts)
        flat[start : start + piece] = hashed(torch, spec["recipe"], number).to(dtype)
    return flat.as_strided(shape, strides)


def picked(torch: Any, output: Any, places: list[list[int]]) -> Any:
    """Return the elements at `places`, found by their addresses: no kernel indexes the whole."""
    offset, strides = output.storage_offset(), output.stride()
    spots = [offset + sum(i * s for i, s in zip(index, strides, strict=True)) for index in places]
    return torch.cat([output.detach().as_strided((1,), (1,), spot) for spot in spots])
