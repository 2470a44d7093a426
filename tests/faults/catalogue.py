"""The precision faults, by dtype: kernels that are correct and at their best but for one thing."""

from __future__ import annotations

from reference import BINARY16, BINARY32, BRAIN16, TENSOR32, Format
from tests.faults.checks import CHANNELS, POSITIONS
from tests.faults.kernels import Fault, Kernel, Slip, always, slip
from tests.faults.orders import sequential

CUT = TENSOR32.truncate
TF32, BF16, FP16, FP32 = TENSOR32.round, BRAIN16.round, BINARY16.round, BINARY32.round


def _wider(each: Format, bits: int) -> Format:
    """Return the format with some more significant bits."""
    return Format(f"{each.name}+{bits}", each.precision + bits, each.min_exponent, 128)


def _products() -> list[Fault]:
    """Return the faults of single products, which no format excuses."""
    return [
        slip("one product dropped, one output", "drop", CHANNELS, POSITIONS),
        slip("one product doubled, one output", "double", CHANNELS, POSITIONS),
        always("last product dropped, all outputs", Kernel(slip=Slip("drop", -1))),
    ]


def _single() -> list[Fault]:
    return [
        always("TF32 operands", Kernel(input=TF32, weight=TF32)),
        always("TF32 input", Kernel(input=TF32)),
        always("TF32 weight", Kernel(weight=TF32)),
        always("TF32 operands, truncated", Kernel(input=CUT, weight=CUT)),
        always("bfloat16 operands", Kernel(input=BF16, weight=BF16)),
        always("bfloat16 input", Kernel(input=BF16)),
        always("bfloat16 weight", Kernel(weight=BF16)),
        always("bf16x3", Kernel(slices=BRAIN16)),
        always("float16 sums, pairwise", Kernel(accumulator=BINARY16)),
        always("float16 sums, sequential", Kernel(accumulator=BINARY16, order=sequential)),
        always("split-K(4) sums in float16", Kernel(partial=BINARY16)),
        always("split-K(4) sums in bfloat16", Kernel(partial=BRAIN16)),
        always("scaled by 1 + 2^-10", Kernel(scale=1 + 2.0**-10)),
        *_products(),
    ]  # fmt: skip


def _half(each: Format, others: dict[str, Format]) -> list[Fault]:
    """Return the faults of a 16-bit dtype; outputs are rounded twice, by way of the others."""
    name = "float16" if each == BINARY16 else each.name
    return [
        always(f"{name} sums, pairwise", Kernel(accumulator=each)),
        always(f"{name} sums, sequential", Kernel(accumulator=each, order=sequential)),
        always(f"split-K(4) sums in {name}", Kernel(partial=each)),
        always("output truncated", Kernel(stores=(each.truncate,))),
        *(
            always(f"output rounded to {other} first", Kernel(stores=(format.round,)))
            for other, format in others.items()
        ),
        always("bias added after rounding", Kernel(adds_bias_late=True)),
        *_products(),
    ]


def _double() -> list[Fault]:
    return [
        always("float32 sums, pairwise", Kernel(accumulator=BINARY32)),
        always("float32 sums, sequential", Kernel(accumulator=BINARY32, order=sequential)),
        always("float32 operands", Kernel(input=FP32, weight=FP32)),
        always("float32 input", Kernel(input=FP32)),
        always("float32 weight", Kernel(weight=FP32)),
        always("split-K(4) sums in float32", Kernel(partial=BINARY32)),
        *_products(),
    ]


FAULTS: dict[str, list[Fault]] = {
    "float32": _single(),
    "float16": _half(
        BINARY16,
        {"bfloat16": BRAIN16, "13 bits": _wider(BINARY16, 2), "16 bits": _wider(BINARY16, 5)},
    ),
    "bfloat16": _half(
        BRAIN16, {"float16": BINARY16, "TF32": TENSOR32, "13 bits": _wider(BRAIN16, 5)}
    ),
    "float64": _double(),
}  # fmt: skip
