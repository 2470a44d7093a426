"""What oneDNN's kernels look at: factors of a case that no user would think of."""

from __future__ import annotations

import math

from properties.case import Case


def kernels(case: Case) -> dict[str, str]:
    """Return what oneDNN's kernels for blocks of 16 channels and up to 28 columns look at."""
    p, shared, groups = case.params, case.weight.shape[1], case.params.groups
    if shared % 16 == 0:
        blocks = "full"
    else:
        # A single group of so few channels has kernels of its own, so has a 1x1 convolution.
        alone = groups == 1 and (shared < 16 or case.weight.shape[-2:] == (1, 1))
        blocks = ("one channel" if shared == 1 else "none") if alone else "last one partial"
    both = [
        stride > 1 and dilation > 1 for stride, dilation in zip(p.stride, p.dilation, strict=True)
    ]
    start, width = p.pads(case.weight.shape[-2:])[1][0], case.weight.shape[-1]
    several = case.weight.shape[-2] > 1 or case.output_shape[-2] > 1
    return {
        "column_padding": "less than the kernel" if start < width else "kernel or more",
        "strides_tile": "yes" if _is_tiled(case) else "no",
        "channel_blocks": blocks,
        "channel_path": "blocked" if shared % 16 == 0 or (groups == 1 and shared > 16) else "other",
        "odd_blocks": "two or three" if _odd_blocks(case) in (2, 3) else "other",
        "output_blocks": _output_blocks(case),
        "output_positions": "multiple of 30" if _is_thirty(case) else "other",
        "output_columns": "29 or more" if case.output_shape[-1] >= 29 else "28 or fewer",
        "height_steps": "strided and dilated" if both[0] else "strided or dilated",
        "width_steps": "strided and dilated" if both[1] else "strided or dilated",
        "row_padding": "at most half" if _hides_few_rows(case) else "more",
        "row_reads": "several" if several else "one",
        "dilated_kernel": "inside" if _is_inside(case) else "outside",
    }


def _output_blocks(case: Case) -> str:
    """Return how the outputs of an image fill blocks of 8, if they are more than 16."""
    outputs = math.prod(case.output_shape[-2:])
    if outputs <= 16:
        return "16 or fewer"
    return "full" if outputs % 8 == 0 else "last one partial"


def _is_thirty(case: Case) -> bool:
    """Tell whether an image has a multiple of 30 outputs, in rows of more than 4."""
    return math.prod(case.output_shape[-2:]) % 30 == 0 and case.output_shape[-1] > 4


def _is_inside(case: Case) -> bool:
    """Tell whether the dilated kernel fits in the height, and padding nowhere hides half of it.

    Of columns padding may hide all but one tap. As oneDNN sees the call: where torch itself pads
    the input (padding modes, the uneven column or row of "same"), the padded input counts.
    """
    p, kernel = case.params, case.weight.shape[-2:]
    reach = [d * (k - 1) + 1 for d, k in zip(p.dilation, kernel, strict=True)]
    sizes, starts = _sizes_and_starts(case)
    fits = sizes[0] >= reach[0] and kernel[1] <= 14
    return fits and _hides_few_rows(case) and starts[1] < reach[1]


def _sizes_and_starts(case: Case) -> tuple[list[int], list[int]]:
    """Return height and width as oneDNN sees them, and the padding before each that is left."""
    p, sizes, starts = case.params, [], []
    pads = p.pads(case.weight.shape[-2:])
    for size, (start, end) in zip(case.input.shape[-2:], pads, strict=True):
        zeros = p.padding_mode == "zeros"
        sizes.append(size + (max(end - start, 0) if zeros else start + end))
        starts.append(start if zeros else 0)
    return sizes, starts


def _odd_blocks(case: Case) -> int:
    """Return how many odd blocks oneDNN splits the outputs of an image into; 0 if into even ones.

    One block up to 16 outputs; of more, 8 to 16 each if an even number of these divides them, else
    the least part of a row.
    """
    rows, columns = case.output_shape[-2:]
    if rows * columns <= 16:
        return 1
    if columns % 2 == 0 or any(rows * columns % even == 0 for even in range(8, 17, 2)):
        return 0
    block = next((part for part in range(4, columns) if columns % part == 0), columns)
    return rows * columns // block


def _hides_few_rows(case: Case) -> bool:
    """Tell whether padding hides at most half of the dilated kernel's rows."""
    p, height = case.params, case.weight.shape[-2]
    start = p.pads(case.weight.shape[-2:])[0][0] if p.padding_mode == "zeros" else 0
    return start <= (p.dilation[0] * (height - 1) + 1) // 2


def _is_tiled(case: Case) -> bool:
    """Tell whether strides cut an input without padding into whole steps, one per output.

    That is when oneDNN copies the pixels that a 1x1 kernel reads and goes on with stride 1.
    """
    p, outputs = case.params, case.output_shape[-2:]
    sizes, starts = _sizes_and_starts(case)
    steps = [count * step for count, step in zip(outputs, p.stride, strict=True)]
    return max(p.stride) > 1 and starts == [0, 0] and sizes == steps
