"""Which memory format torch takes strides for, and where its two rules for that disagree."""

from __future__ import annotations

from collections.abc import Sequence

from properties.case import Case
from properties.dtypes import DTYPES
from properties.tensors import Tensor

Axes = tuple[int, ...]
CHANNELS_LAST_ORDER = (1, 3, 2, 0)  # axes from the fastest to the slowest
CONTIGUOUS_ORDER = (3, 2, 1, 0)
Form = tuple[Axes, Axes]  # shape and strides of a batch


def memory_levels(case: Case) -> dict[str, str]:
    """Return the level of a case in the factors of memory: layouts, and formats as torch sees."""
    operands = {name: getattr(case, name) for name in ("input", "weight", "bias", "grad_output")}
    layouts = {
        f"{name}_layout": "none" if tensor is None else tensor.effective_layout
        for name, tensor in operands.items()
    }
    image, weight = as_batch(case.input), as_batch(case.weight)
    upstream = None if case.grad_output is None else as_batch(case.grad_output)
    nhwc = reads_as_channels_last(image) or reads_as_channels_last(weight)
    again = upstream is not None and any(map(reads_as_channels_last, _swapped(image, upstream)))
    if DTYPES[case.dtype].kind == "complex":
        # Torch convolves the sum of the parts too, which is dense whatever they are.
        nhwc = nhwc or any(reads_as_channels_last(summed(form)) for form in (image, weight))
        image = _copied(image)  # as the gradient of the weight, which conjugates it, does
    return {
        **layouts,
        "reads_as": "channels_last" if nhwc else "contiguous",
        "reads_as_again": "channels_last" if again else "contiguous",
        "input_format": memory_format(image),
        "weight_format": memory_format(weight),
        "grad_output_format": "none" if upstream is None else memory_format(upstream),
    }


def memory_format(form: Form) -> str:
    """Return "channels_last", "contiguous", or "both ways": dense as the one, read as the other.

    Whether a tensor is dense in channels_last does not depend on the strides of extents of one
    (`compute_channels_last_contiguous_2d` of c10/core/Contiguity.h); what it is read as does.
    """
    if reads_as_channels_last(form):
        return "channels_last"
    dense = is_dense(form, CHANNELS_LAST_ORDER) and not is_dense(form, CONTIGUOUS_ORDER)
    return "both ways" if dense else "contiguous"


def reads_as_channels_last(form: Form) -> bool:
    """Tell whether torch takes these strides for channels_last.

    The rule is `is_channels_last_strides_2d` of c10/core/MemoryFormat.h: strides that grow in the
    order C, W, H, N; where extents of 1 leave it open, contiguous wins.
    """
    shape, strides = form
    if len(shape) < 4:
        return False
    least = 0
    for axis in CHANNELS_LAST_ORDER:
        step, extent = strides[axis], shape[axis]
        if 0 in (extent, strides[1]) or step < least or (axis == 0 and least == strides[1]):
            return False
        least = step * max(extent, 1)
    return True


def as_batch(tensor: Tensor) -> Form:
    """Return shape and strides, of an image alone those that `unsqueeze` gives its batch."""
    if len(tensor.shape) == 3:
        first = tensor.shape[0] * tensor.strides[0]
        return (1, *tensor.shape), (first, *tensor.strides)
    return tensor.shape, tensor.strides


def summed(form: Form) -> Form:
    """Return what the sum of a complex tensor's parts has, which have gaps.

    As `TensorIteratorBase::reorder_dimensions` (aten/src/ATen/TensorIterator.cpp) orders the axes:
    by stride, of equal ones by extent, and those with a stride of 0 stay where they are.
    """
    shape, strides = form
    order = list(CONTIGUOUS_ORDER)  # from the fastest to the slowest
    for end in range(1, 4):
        for place in range(end, 0, -1):
            inner, outer = order[place - 1], order[place]
            if 0 in (strides[inner], strides[outer]):
                continue
            if (strides[inner], shape[inner]) <= (strides[outer], shape[outer]):
                break
            order[place - 1 : place + 1] = outer, inner
    return shape, _laid_out(shape, order)


def _laid_out(shape: Axes, order: Sequence[int]) -> Axes:
    """Return the strides of elements side by side in this order."""
    dense, step = [0] * len(shape), 1
    for axis in order:
        dense[axis] = step
        step *= shape[axis]
    return tuple(dense)


def _swapped(*forms: Form) -> list[Form]:
    """Return what `transpose(0, 1)` makes of them, as double backward does."""
    return [((c, n, *shape), (of_c, of_n, *strides))
            for (n, c, *shape), (of_n, of_c, *strides) in forms]  # fmt: skip


def _copied(form: Form) -> Form:
    """Return what a copy has: the same strides if dense, else dense ones in the same order.

    The rule is `infer_dense_strides` of ATen/ExpandUtils.cpp.
    """
    shape, strides = form
    order = sorted(CONTIGUOUS_ORDER, key=lambda axis: (strides[axis], shape[axis]))
    if is_dense(form, order):
        return form
    return shape, _laid_out(shape, order)


def is_dense(form: Form, order: Sequence[int]) -> bool:
    """Tell whether the elements lie side by side in this order; extents of one do not count."""
    shape, strides = form
    step = 1
    for axis in order:
        if shape[axis] != 1 and strides[axis] != step:
            return False
        step *= shape[axis]
    return True
