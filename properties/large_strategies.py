"""Which large calls are made: one extent that is large, or all pixels of one image.

What is drawn are a few forms. How large they are, and in which dtype, depends on the budget of the
run: by default some 2^20 elements, so that a gate has time for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import strategies as st

from properties.case import Case, Tensor
from properties.classes import direct
from properties.domain import OutOfDomain, active
from properties.dtypes import DTYPES
from properties.subject import Subject
from properties.values import Recipe
from reference import Conv2dParams

GATE = 2.0**-7  # GiB of operands and output: 2^20 elements of float32 in and out
# On a GPU the smallest first: more elements in the same memory.
DTYPES_OF_CPU = ("float32", "float64", "float16", "bfloat16")
DTYPES_OF_GPU = ("float16", "bfloat16", "float64", "float32")
LONG = 1 << 25  # elements of a row: beyond, there are several, because a width has 31 bits
SIDE = 16  # of the images where there are many, or many channels
FORMS = ("row", "column", "image", "images", "filters", "channels")
KERNELS = ((1, 0), (3, 1))  # extent and padding: the output is as large as the input


@dataclass(frozen=True)
class LargeDraft:
    """What is drawn of a large call.

    form     what is large: the "row", the "column", the "image"; or how many "images", "filters"
             (output channels) or "channels" (of input and output, one group each) there are
    kernel   extent along both axes
    layout   of the input; channels_last only of channels, unless that is all there is
    """

    form: str
    kernel: int
    padding: int
    layout: str

    def assemble(self, subject: Subject) -> Case:
        """Return the case, as large as the subject's budget allows."""
        gpu = not subject.implementation.device.startswith("cpu")
        dtype = _dtype(subject, DTYPES_OF_GPU if gpu else DTYPES_OF_CPU)
        size = int((subject.large or GATE) * 2**30) // (2 * DTYPES[dtype].itemsize)
        shape, filters, groups = self._extents(size)
        bias = Tensor((filters,), Recipe("integers", 2)) if self._has_bias(subject) else None
        weight = (filters, shape[1] // groups, self.kernel, self.kernel)
        return Case(
            Tensor(shape, Recipe("integers", 0), self.layout),
            Tensor(weight, Recipe("integers", 1)),
            bias,
            Conv2dParams(padding=self.padding, groups=groups),
            dtype,
        )

    def _extents(self, size: int) -> tuple[tuple[int, ...], int, int]:
        """Return the shape of an input of `size` elements, the output channels and the groups."""
        long, side = min(size, LONG), math.isqrt(size)
        many = size // (SIDE**2 + self.kernel**2)
        return {
            "row": ((1, 1, size // long, long), 1, 1),
            "column": ((1, 1, long, size // long), 1, 1),
            "image": ((1, 1, side, side), 1, 1),
            "images": ((many, 1, SIDE, SIDE), 1, 1),
            "filters": ((1, 1, SIDE, SIDE), many, 1),
            "channels": ((1, many, SIDE, SIDE), many, many),
        }[self.form]

    def _has_bias(self, subject: Subject) -> bool:
        """Tell whether to give a bias: with the larger kernel, where both are declared."""
        options = subject.domain.options("bias")
        return options == ("yes",) or ("yes" in options and self.kernel > 1)


@st.composite
def large_drafts(draw: st.DrawFn) -> LargeDraft:
    """Return a strategy for the large calls inside the active domain; they are few."""
    domain = active().within(
        stride=("1",), dilation=("1",), padding_mode=("zeros",), passes=("forward",)
    )
    kernels = [
        (extent, padding)
        for extent, padding in KERNELS
        if ("1x1" if extent == 1 else "square") in domain.options("kernel")
        and str(padding) in domain.options("padding")
    ]
    needs = {"images": ("batch", "17"), "channels": ("groups", "depthwise")}
    forms = []
    for form in FORMS:
        factor, level = needs.get(form, ("batch", "1"))
        grouped = form == "channels" or "1" in domain.options("groups")
        if grouped and level in domain.options(factor):
            forms.append(form)
    if not forms or not kernels:
        raise OutOfDomain("needs 1x1 unpadded or 3x3 padded by 1, and an image or many")
    kernel, padding = draw(st.sampled_from(kernels))
    options = domain.options("layout")
    # Elements are hashed into place: there is no room for gaps.
    dense = [o for o in ("contiguous", "channels_last") if o in options]
    if not dense:
        raise OutOfDomain("needs contiguous or channels_last tensors")
    plain, *others = dense
    pairs = [(form, plain) for form in forms]
    pairs += [(form, layout) for form in forms if form == "channels" for layout in others]
    form, layout = draw(st.sampled_from(pairs))
    return LargeDraft(form, kernel, padding, layout)


def _dtype(subject: Subject, preferred: tuple[str, ...]) -> str:
    """Return the first declared dtype whose row is that of a direct kernel, of any elements.

    The tiles that torch's own rows declare are cuDNN's, which takes them for many channels; these
    calls sum over one.
    """
    options, of_torch = subject.domain.options("dtype"), subject.implementation.is_stock
    for dtype in (*preferred, *options):
        row = subject.implementation.arithmetic(dtype)
        tiles = of_torch and getattr(row, "algorithm", "direct") == "fast-tile"
        if dtype in options and DTYPES[dtype].kind != "complex" and (tiles or row == direct(row)):
            return dtype
    raise OutOfDomain("needs a real dtype or integers, computed by a direct algorithm")
