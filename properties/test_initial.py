"""What a layer is before its parameters are set."""

from __future__ import annotations

from hypothesis import given

from properties.case import Case
from properties.domain import OutOfDomain
from properties.dtypes import REAL
from properties.replay import recheck
from properties.strategies import cases, seeds
from properties.subject import Subject


@given(case=cases(passes=("forward",), dtype=REAL), seed=seeds())
def test_initial_parameters_are_bounded(conv2d: Subject, case: Case, seed: int) -> None:
    """Fresh parameters are U(-sqrt(k), sqrt(k)) with k = groups / (in_channels * prod(kernel)).

    |w| <= sqrt(k), not constant, and a function of the seed; shape, dtype, device and attributes
    are those of torch.nn.Conv2d.
    """
    if conv2d.runner.form != "module":
        raise OutOfDomain("a function has no parameters")
    recheck(conv2d, case, {"kind": "initial", "seed": seed})
