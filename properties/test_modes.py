"""The same call made in other ways: under no_grad, torch.vmap or autocast, compiled, copied."""

from __future__ import annotations

from hypothesis import given

from properties.case import Case
from properties.domain import FACTORS
from properties.dtypes import REAL
from properties.strategies import cases
from properties.subject import Subject


@given(case=cases(mode=FACTORS["mode"]))
def test_modes_agree(conv2d: Subject, case: Case) -> None:
    """In every mode output and gradients lie in the enclosures of the plain call.

    What is owed does not depend on how it is asked for: no_grad, torch.vmap, autocast from float32,
    torch.compile, several threads, a layer that was copied, pickled or loaded.
    """
    conv2d.check(case)


@given(
    case=cases(
        passes=("weight", "weight+bias"),
        batch=("1", "2", "4", "5", "15", "16", "17", "0"),
        dtype=REAL,
        derived={"derivatives": "per-sample"},
    )
)
def test_per_sample_gradients_lie_in_their_enclosures(conv2d: Subject, case: Case) -> None:
    """vmap(grad(L)) over images: for each n, dL_n/dw and dL_n/db of L_n = sum(g[n] * y[n])."""
    whole = ("weight", "bias") if case.bias is not None else ("weight",)
    conv2d.check(case.replace(gradients=whole, derivative="per-sample"))
