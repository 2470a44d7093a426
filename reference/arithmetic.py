"""The arithmetic that a kernel declares: its formats and roundings, and Higham's gamma."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from reference.arguments import FloatArray
from reference.formats import BINARY16, BINARY32, BINARY64, BRAIN16, TENSOR32, Format

Stores = Literal["none", "bias", "taps", "images", "any"]
Algorithm = Literal["direct", "fast-tile", "fast-plane"]


@dataclass(frozen=True)
class Arithmetic:
    """What a kernel computes with; operands are numbers of `output`, its storage format.

    `accumulator` holds products and sums, and is `output` unless said otherwise; `operands`, if
    any, is what the factors of a product are rounded or truncated to first. A kernel that
    `truncates` aligns a block of products to the largest and cuts them there, as tensor cores do.
    One that `flushes` may take subnormal operands, products, sums and results for zeros.

    `stores` says when a sum is rounded to `output` before it is complete: never, before the bias
    is added, after each tap of the kernel, after each image of the batch, or at any addition.
    `algorithm` is "direct" if the definition's own products are summed, "fast-tile" if tiles may
    be transformed (Winograd), "fast-plane" if whole planes may (FFT).
    """

    name: str
    output: Format
    accumulator: Format = None  # type: ignore[assignment]  # never None once constructed
    operands: Format | None = None
    truncates: bool = False
    stores: Stores = "none"
    flushes: bool = False
    algorithm: Algorithm = "direct"

    def __post_init__(self) -> None:
        if self.accumulator is None:
            object.__setattr__(self, "accumulator", self.output)

    @property
    def u(self) -> float:
        """The unit roundoff of the accumulator."""
        return self.accumulator.u

    @property
    def rounds_output(self) -> bool:
        """Tell whether a finished sum is rounded once more, when it is stored."""
        return self.output != self.accumulator

    @property
    def has_exact_products(self) -> bool:
        """Tell whether the accumulator holds every product of two factors, barring underflow."""
        factors = self.operands or self.output
        return 2 * factors.precision <= self.accumulator.precision


FLOAT64 = Arithmetic("float64", BINARY64)
FLOAT32 = Arithmetic("float32", BINARY32)
TF32 = Arithmetic("tf32", BINARY32, operands=TENSOR32, truncates=True)
FLOAT16 = Arithmetic("float16", BINARY16, BINARY32)
BFLOAT16 = Arithmetic("bfloat16", BRAIN16, BINARY32)


def gamma(n: ArrayLike, u: float) -> FloatArray:
    """Return n * u / (1 - n * u), which bounds n roundings taken together; inf once n * u >= 1.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, Lemma 3.1: for |d_i| <= u
    the product of n factors (1 + d_i) or 1 / (1 + d_i) is 1 + t with |t| <= gamma(n, u).
    """
    product = np.asarray(n, np.float64) * u
    below = np.minimum(product, 0.5 + product / 2)  # keeps the division defined where it is unused
    bound: FloatArray = np.where(product < 1, product / np.maximum(1 - below, u / 4), np.inf)
    return bound[()]


def probable_gamma(n: ArrayLike, u: float, confidence: float) -> FloatArray:
    """Return exp(l sqrt(n) u + n u^2 / (1 - u)) - 1 with l = `confidence`.

    Connolly, Higham and Mary, Stochastic Rounding and its Probabilistic Backward Error Analysis
    (2021), and Higham and Mary (2019), Theorem 2.4: if the d_i are mean independent of mean zero,
    the product of n factors (1 + d_i) is 1 + t with |t| at most this, except with probability
    2 exp(-l^2 (1 - u)^2 / 2). Rounding to nearest is that on random data only: a warning, no bound.
    """
    count = np.asarray(n, np.float64)
    with np.errstate(over="ignore"):
        bound: FloatArray = np.expm1(confidence * np.sqrt(count) * u + count * u**2 / (1 - u))
    return bound
