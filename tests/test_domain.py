"""`Domain`: what is read, what is refused and in which words, and how domains narrow."""

from __future__ import annotations

from typing import Any

import pytest

from properties.case import Case
from properties.domain import FACTORS, Domain, OutOfDomain, activated, active
from properties.layouts import LAYOUTS
from properties.levels import levels
from properties.strategies import cases
from tests.test_strategies import sample


def test_constraints_are_read() -> None:
    """Constraints come one per string or blank-separated; levels are joined with |."""
    domain = Domain.parse(["dtype=float32 groups=1|depthwise", "batch=unbatched"])
    assert domain == Domain(
        {"dtype": ("float32",), "groups": ("1", "depthwise"), "batch": ("unbatched",)}
    )
    assert domain.options("groups") == ("1", "depthwise")
    assert domain.options("stride") == FACTORS["stride"]


def test_str_is_read_back() -> None:
    """The printed domain is its own constraint; the free one says that it is everything."""
    domain = Domain.parse(["stride=1,2|2 padding=same"])
    assert str(domain) == "stride=1,2|2 padding=same"
    assert Domain.parse([str(domain)]) == domain
    assert str(Domain.parse([])) == "everything that is generated"


def test_backward_stands_for_every_gradient() -> None:
    """passes=backward is every nonempty subset of the gradients, and joins other levels."""
    assert Domain.parse(["passes=backward"]).options("passes") == FACTORS["passes"][1:]
    both = Domain.parse(["passes=forward|backward"])
    assert both.options("passes") == FACTORS["passes"]


def test_a_later_constraint_replaces() -> None:
    """Of two constraints on one factor the later one holds."""
    assert Domain.parse(["dtype=float32", "dtype=float64"]).options("dtype") == ("float64",)


LIST = ", ".join(FACTORS)
DTYPES = ", ".join(FACTORS["dtype"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dtype", f"`dtype` is not FACTOR=LEVEL; factors: {LIST}"),
        ("size=3", f"`size=3` is not FACTOR=LEVEL; factors: {LIST}"),
        ("=float32", f"`=float32` is not FACTOR=LEVEL; factors: {LIST}"),
        ("dtype=int4", f"`dtype`='int4' is not one of {DTYPES}"),
        ("dtype=float32|int4", f"`dtype`='int4' is not one of {DTYPES}"),
        ("dtype=", f"`dtype`='' is not one of {DTYPES}"),
        ("dtype=backward", f"`dtype`='backward' is not one of {DTYPES}"),
        ("groups=1 bias=maybe", "`bias`='maybe' is not one of no, yes"),
        ("layout=nhwc", f"`layout`='nhwc' is not one of {', '.join(LAYOUTS)}"),
    ],
)
def test_errors_name_the_word_and_what_there_is(text: str, message: str) -> None:
    """A constraint that is none, an unknown factor or level: ValueError with the alternatives."""
    with pytest.raises(ValueError, match="is not") as caught:
        Domain.parse([text])
    assert str(caught.value) == message


def test_within_narrows_in_the_order_that_is_asked_for() -> None:
    """`within` keeps the wanted levels that are inside; other factors stay as they are."""
    domain = Domain.parse(["stride=1|2|3 dtype=float32"])
    narrowed = domain.within(stride=("3", "4,3", "1"))
    assert narrowed.options("stride") == ("3", "1")
    assert narrowed.options("dtype") == ("float32",)
    assert domain.options("stride") == ("1", "2", "3")


def test_nothing_left_is_out_of_domain() -> None:
    """Where no wanted level is inside, OutOfDomain names what is needed and what is declared."""
    with pytest.raises(OutOfDomain) as caught:
        Domain.parse(["groups=1 dtype=float32"]).within(groups=("2", "depthwise"))
    assert str(caught.value) == "needs groups=2|depthwise, declared groups=1"
    assert not issubclass(OutOfDomain, Exception)


def test_activation_nests_and_ends() -> None:
    """`activated` holds inside its block only, whatever ends the block."""
    outer, inner = Domain.parse(["dtype=float32"]), Domain.parse(["dtype=float64"])
    assert active() == Domain()
    with activated(outer):
        with activated(inner):
            assert active() == inner
        with pytest.raises(OutOfDomain), activated(inner):
            active().within(dtype=("float32",))
        assert active() == outer
    assert active() == Domain()


@pytest.mark.parametrize(
    "constraints",
    [
        "dtype=float32 groups=1 passes=forward",
        "bias=no",
        "passes=backward padding_mode=zeros batch=2|unbatched",
        "kernel=square|1x1 stride=1|2 padding=same|0 dilation=1",
        "layout=channels_last batch=1|4 groups=depthwise|prime",
        "layout=channels_last",
        "stride=2 batch=16|17",
    ],
)
def test_draws_stay_in_the_domain(constraints: str) -> None:
    """Under an activated domain every factor of every case has a level that is declared."""
    domain = Domain.parse([constraints])
    with activated(domain):
        found, _ = sample(cases(), 150)
    for case in found:
        for factor in domain.levels:
            assert _named(case, factor) & set(domain.options(factor)), (factor, case)


def _named(case: Case, factor: str) -> set[str]:
    """Return the levels of `FACTORS` that describe the case."""
    p, found = case.params, levels(case)
    if factor in ("stride", "dilation"):
        pair = getattr(p, factor)
        return {str(pair[0]) if pair[0] == pair[1] else f"{pair[0]},{pair[1]}"}
    if factor == "padding":
        return {p.padding} if isinstance(p.padding, str) else {str(p.padding[0])}
    if factor == "groups":
        return {found["groups"], {1: "1", 2: "2"}.get(p.groups, "prime")}
    if factor == "layout":
        layouts = {t.layout for t in case.tensors.values() if len(t.shape) == 4}
        return layouts if len(layouts) == 1 else set()
    return {found[factor]}


@pytest.mark.parametrize(
    ("declared", "needed"),
    [
        ("dtype=float32", {"dtype": ("float64",)}),
        ("passes=forward", {"passes": FACTORS["passes"][1:]}),
        ("groups=1", {"derived": {"groups": "2"}}),
        ("bias=no passes=bias", {}),
        ("stride=2 padding=same", {}),
        ("layout=every-other-image batch=unbatched", {}),
    ],
)
def test_what_the_domain_lacks_is_said(declared: str, needed: dict[str, Any]) -> None:
    """A property that needs what is not declared ends with OutOfDomain, at its first draw."""
    with activated(Domain.parse([declared])), pytest.raises(OutOfDomain):
        sample(cases(**needed), 20)
