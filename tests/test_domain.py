"""`Domain`: what is read, what is refused and in which words, and how domains narrow."""

from __future__ import annotations

import pytest

from properties.domain import FACTORS, Domain, OutOfDomain, activated, active


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dtype", f"`dtype` is not FACTOR=LEVEL; factors: {LIST}"),
        ("size=3", f"`size=3` is not FACTOR=LEVEL; factors: {LIST}"),
        ("=float32", f"`=float32` is not FACTOR=LEVEL; factors: {LIST}"),
        ("dtype=int8", "`dtype`='int8' is not one of float32, float64"),
        ("dtype=float32|int8", "`dtype`='int8' is not one of float32, float64"),
        ("dtype=", "`dtype`='' is not one of float32, float64"),
        ("dtype=backward", "`dtype`='backward' is not one of float32, float64"),
        ("groups=1 bias=maybe", "`bias`='maybe' is not one of no, yes"),
        ("layout=nhwc", "`layout`='nhwc' is not one of contiguous, channels_last"),
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
