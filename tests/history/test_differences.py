"""The change of a number, in decimal."""

import sys
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from glyphd.history.differences import change_pct, difference

FINITE = st.floats(allow_nan=False, allow_infinity=False)
PRICES = st.floats(min_value=0.01, max_value=1e7)
LARGEST = sys.float_info.max


@pytest.mark.parametrize(
    ("old", "new", "delta"),
    [
        (0.1, 0.3, 0.2),
        (0.3, 0.1, -0.2),
        (4500.0, 4499.99, -0.01),
        (89.70154501941143, 89.70154501941151, 8e-14),
        (1, 2, 1.0),
        (0.0, 0.0, 0.0),
        (7.5, 7.5, 0.0),
        (1e308, 1e-308, -1e308),
        (-LARGEST, LARGEST, LARGEST),
        (LARGEST, -LARGEST, -LARGEST),
    ],
)
def test_a_difference_is_that_of_the_numbers_as_they_are_written(
    old: float, new: float, delta: float
) -> None:
    assert difference(old, new) == delta


@pytest.mark.parametrize(
    ("old", "new", "percent"),
    [
        (100.0, 110.0, 10.0),
        (110.0, 100.0, -9.090909),
        (3.0, 4.0, 33.333333),
        (0.1, 0.3, 200.0),
        (4500.0, 0.0, -100.0),
        (1e9, 1e9 + 0.001, 0.0),
        (5e-324, 1e308, LARGEST),
        (0.0, 1.0, None),
        (0.0, 0.0, None),
    ],
)
def test_a_percentage_has_six_decimals_and_none_of_zero(
    old: float, new: float, percent: float | None
) -> None:
    assert change_pct(old, new) == percent


@pytest.mark.parametrize("change", [difference, change_pct])
def test_no_change_has_no_sign(change: object) -> None:
    assert callable(change)
    assert str(change(1e9, 1e9 - 0.001 + 0.001)) == "0.0"
    assert str(change_pct(1e9, 1e9 - 0.001)) == "0.0"


@given(FINITE, FINITE)
def test_a_difference_is_finite_and_goes_both_ways(old: float, new: float) -> None:
    delta = difference(old, new)
    assert abs(delta) <= LARGEST
    assert delta == -difference(new, old)


@given(PRICES, PRICES)
def test_they_are_what_fractions_say(old: float, new: float) -> None:
    before, after = Fraction(repr(old)), Fraction(repr(new))
    assert difference(old, new) == float(after - before)
    assert change_pct(old, new) == float(round((after - before) / before * 100, 6))
