"""Values: the hash is splitmix64, each kind has its ranges, and every integer kind is exact."""

from __future__ import annotations

import numpy as np
import pytest

from properties.values import DEPENDENT, Recipe, counter_hash
from tests.recipes import SOME

MASK = 2**64 - 1
SEEDS = (0, 1, 9408, 2**32 - 1)
INTEGERS = ("integers", "signs", "wide13", "onehot", "ones")
REAL = tuple(kind for kind in SOME if kind != "words")
SIZED = ("onehot", "few")  # depend on the number of elements, too
LOCAL = tuple(kind for kind in SOME if kind not in SIZED)


def splitmix64(state: int) -> int:
    """Return the output of Steele, Lea & Flood's generator for one state, in Python integers."""
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB & MASK
    return state ^ (state >> 31)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hash_is_splitmix64(seed: int) -> None:
    """Element i is splitmix64 of (i + 1) golden gammas past the start of the seed's stream."""
    start = (seed + 1) * 0xD1B54A32D192ED03
    expected = [splitmix64((start + (i + 1) * 0x9E3779B97F4A7C15) & MASK) for i in range(100)]
    assert counter_hash(seed, 100).tolist() == expected


def test_splitmix64_is_the_published_one() -> None:
    """The first outputs for state 0 are those of the published generator."""
    states = [(i + 1) * 0x9E3779B97F4A7C15 & MASK for i in range(3)]
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [splitmix64(state) for state in states] == published


def test_values_stay_what_they_were() -> None:
    """Recorded cases keep their meaning: the first values of three kinds never change."""
    assert counter_hash(0, 2).tolist() == [0x2D0F28C7E7E786B2, 0x75856F745165F252]
    assert Recipe("integers").expand((6,)).tolist() == [3.0, 3.0, -2.0, 1.0, 4.0, -3.0]
    assert [v.hex() for v in Recipe("normal", 3).expand((2,)).tolist()] == [
        "0x1.daad875d422e0p-2",
        "-0x1.be345235cda40p-3",
    ]


@pytest.mark.parametrize("kind", LOCAL)
@pytest.mark.parametrize("size", [0, 1, 2, 31, 64])
def test_a_prefix_expands_alone(kind: str, size: int) -> None:
    """Element i depends on (kind, seed, i) alone: a shorter tensor is a prefix of a longer one."""
    whole, prefix = Recipe(kind, 5).expand((65,)), Recipe(kind, 5).expand((size,))
    np.testing.assert_array_equal(prefix, whole[:size], strict=True)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_onehot_has_one_one(size: int) -> None:
    """A one-hot tensor of any size has exactly one 1, and its place varies with the seed."""
    places = set()
    for seed in range(20):
        values = Recipe("onehot", seed).expand((size,))
        assert np.count_nonzero(values) == 1
        assert values.sum() == 1.0
        places.add(int(values.argmax()))
    assert len(places) > 1 or size == 1


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("integers", 1.0, 4.0),
        ("signs", 1.0, 1.0),
        ("wide13", 2.0**12 + 1, 2.0**13 - 1),
        ("wide27", 2.0**26 + 1, 2.0**27 - 1),
        ("ones", 1.0, 1.0),
    ],
)
def test_integer_kinds_are_nonzero_integers(kind: str, low: float, high: float) -> None:
    """No element is zero, all lie in the range that is declared, and both its ends are met."""
    magnitude = np.abs(Recipe(kind, 1).expand((2**16,)))
    assert np.array_equal(magnitude, np.rint(magnitude))
    assert low <= magnitude.min()
    assert magnitude.max() <= high
    assert magnitude.max() - magnitude.min() >= 0.99 * (high - low)


@pytest.mark.parametrize("kind", ["integers", "signs", "wide13", "wide27", "normal"])
def test_both_signs_occur_equally(kind: str) -> None:
    """About half of the elements are negative: within 5 standard deviations."""
    negative = np.count_nonzero(Recipe(kind, 2).expand((10_000,)) < 0)
    assert abs(negative - 5000) < 5 * 50


@pytest.mark.parametrize(("kind", "bits"), [("wide13", 13), ("wide27", 27)])
def test_wide_kinds_are_odd(kind: str, bits: int) -> None:
    """Every element needs all its bits: it is odd, and rounding to one bit less changes it."""
    values = np.abs(Recipe(kind).expand((1000,))).astype(np.int64)
    assert np.all(values % 2 == 1)
    assert {int(value).bit_length() for value in values} == {bits}


@pytest.mark.parametrize("kind", SOME)
def test_no_element_is_larger_than_the_magnitude(kind: str) -> None:
    """The bound holds for every kind and scale; a wide kind needs the last bit of it."""
    for exponent in (0, -10, 10) if kind != "words" else (0,):
        recipe = Recipe(kind, 3, exponent)
        largest = np.abs(recipe.expand((5000,)).astype(np.float64)).max()
        assert largest <= 2.0**recipe.magnitude
        assert not kind.startswith("wide") or largest > 2.0 ** (recipe.magnitude - 1)


def test_wide_kinds_are_rounded_by_narrow_formats() -> None:
    """float16 and TF32 (11 bits) change every wide13; float32 changes every wide27."""
    wide13, wide27 = Recipe("wide13").expand((500,)), Recipe("wide27").expand((500,))
    assert np.all(wide13.astype(np.float16).astype(np.float64) != wide13)
    assert np.all(wide27.astype(np.float32).astype(np.float64) != wide27)


@pytest.mark.parametrize("kind", INTEGERS)
@pytest.mark.parametrize("exponent", [-20, -10, 0, 10, 20])
def test_integer_kinds_are_float32_numbers(kind: str, exponent: int) -> None:
    """float32 holds the integer kinds exactly, at every exponent that is drawn."""
    values = Recipe(kind, 4, exponent).expand((3, 50))
    assert np.array_equal(values.astype(np.float32).astype(np.float64), values)


@pytest.mark.parametrize("kind", REAL)
def test_the_exponent_scales_exactly(kind: str) -> None:
    """`exponent` multiplies by a power of two, and changes no significand."""
    plain, scaled = Recipe(kind, 7).expand((40,)), Recipe(kind, 7, -20).expand((40,))
    np.testing.assert_array_equal(scaled, plain * 2.0**-20, strict=True)


@pytest.mark.parametrize("kind", SOME)
def test_shapes_are_filled_in_row_major_order(kind: str) -> None:
    """A tensor is its flat expansion reshaped; an empty one has no elements, a 0-d one has one."""
    flat = Recipe(kind, 6).expand((24,))
    np.testing.assert_array_equal(Recipe(kind, 6).expand((2, 3, 4)), flat.reshape(2, 3, 4))
    assert Recipe(kind).expand((2, 0, 3)).shape == (2, 0, 3)
    assert Recipe(kind).expand(()).shape == ()


def test_normal_fills_every_bit() -> None:
    """`normal` has mean 0 and a spread of about 1, is rounded by float32, and rarely repeats."""
    values = Recipe("normal", 1).expand((20_000,))
    assert abs(values.mean()) < 5 / np.sqrt(20_000)
    assert 0.9 < values.std() < 1.1
    assert np.count_nonzero(values.astype(np.float32) != values) > 19_000
    assert np.unique(values).size == values.size


def test_cancelling_neighbours_nearly_cancel() -> None:
    """Elements 2j and 2j + 1 differ in sign, and their sum is at most 2**-11 in magnitude."""
    values = Recipe("cancelling", 1).expand((1000,))
    assert np.all(values[::2] > 0)
    assert np.all(values[1::2] < 0)
    assert np.abs(values[::2] + values[1::2]).max() <= 2.0**-11
    assert np.abs(values).min() >= 1.0


def test_sparse_is_mostly_zero() -> None:
    """About one element in eight of `sparse` is nonzero: within 5 standard deviations."""
    nonzero = np.count_nonzero(Recipe("sparse", 1).expand((8000,)))
    assert abs(nonzero - 1000) < 5 * np.sqrt(8000 * 7 / 64)


@pytest.mark.parametrize("size", [1, 8, 9, 100, 5000])
def test_few_are_about_eight(size: int) -> None:
    """Up to 8 elements of `few` are all nonzero; of more, 8 on average over 200 seeds."""
    counts = [np.count_nonzero(Recipe("few", seed).expand((size,))) for seed in range(200)]
    if size <= 8:
        assert set(counts) == {size}
    else:  # within 5 standard deviations
        assert abs(np.mean(counts) - 8) < 5 * np.sqrt(8 * (1 - 8 / size) / 200)


def test_few_are_like_normal() -> None:
    """What is kept has mean 0 and a spread of about 1: keeping does not depend on the value."""
    values = np.concatenate([Recipe("few", seed).expand((5000,)) for seed in range(200)])
    kept = values[values != 0]
    assert abs(kept.mean()) < 5 / np.sqrt(kept.size)
    assert 0.9 < kept.std() < 1.1


@pytest.mark.parametrize("kind", LOCAL)
def test_seeds_differ(kind: str) -> None:
    """Another seed gives other values, except for `ones`."""
    first, second = Recipe(kind, 0).expand((64,)), Recipe(kind, 1).expand((64,))
    assert np.array_equal(first, second) == (kind == "ones")


def test_errors_name_the_argument() -> None:
    """A kind or a seed that is none is refused with its value."""
    with pytest.raises(ValueError, match=r"^`kind`='gauss' is not one of integers, signs, "):
        Recipe("gauss")
    for seed in (-1, 2**32):
        with pytest.raises(ValueError, match=rf"^`seed`={seed} is outside \[0, 2\*\*32\)$"):
            Recipe("normal", seed)


@pytest.mark.parametrize("kind", SOME)
def test_elements_far_away_are_computed_alone(kind: str) -> None:
    """Any element of a huge tensor costs as much as the first, of kinds that allow it."""
    recipe = Recipe(kind, 5, 0)
    if kind in DEPENDENT:
        with pytest.raises(ValueError, match="are not computed one by one"):
            recipe.at(np.array([0]))
        return
    places = np.array([64, 0, 3, 3])
    np.testing.assert_array_equal(recipe.at(places), recipe.expand((65,))[places], strict=True)
    assert recipe.at(np.array([2**31, 2**62])).shape == (2,)
