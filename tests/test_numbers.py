"""Numbers in words: they say what the number is, and line up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.numbers import MINUS, Scale, count, duration, elide, percent

finite = st.floats(-1e12, 1e12, allow_nan=False)


@given(st.lists(finite, min_size=1, max_size=6))
def test_what_is_written_is_the_number(numbers: list[float]) -> None:
    scale = Scale.of(numbers)
    for number in numbers:
        read = float(scale.signed(number).replace(MINUS, "-"))
        step = 10.0**-4 if scale.decimals is None else 10.0**-scale.decimals
        assert read == pytest.approx(number, rel=0.006, abs=0.51 * step)
        assert scale.signed(number)[0] != "+" or number > 0


@given(st.lists(st.floats(0.01, 1e4), min_size=2, max_size=6))
def test_a_column_has_one_number_of_digits(numbers: list[float]) -> None:
    scale = Scale.of(numbers)
    digits = {len(scale.plain(number).partition(".")[2]) for number in numbers}
    assert len(digits) == 1


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([0.0], ["0"]),
        ([0.5, -0.25, 0.0], ["+0.500", "−0.250", "0"]),
        ([100.0, -0.001], ["+100", "0"]),
        ([1e-9, -2e-9], ["+1.00e-09", "−2.00e-09"]),
        ([math.nan, 1.0], ["not a number", "+1.00"]),
    ],
)
def test_signed(numbers: list[float], shown: list[str]) -> None:
    assert [Scale.of(numbers).signed(number) for number in numbers] == shown


def test_shares_times_and_counts() -> None:
    assert [percent(x) for x in (1.0, 0.5, 0.0995, 0.05, 0.001, 0.0001, math.nan)] == [
        "100 %",
        "50 %",
        "10 %",
        "5.0 %",
        "0.1 %",
        "< 0.1 %",
        "unknown",
    ]
    assert [duration(x) for x in (0, 1e-4, 9.99, 59.9, 60, 3599, 3600)] == [
        "0.00 s",
        "< 0.01 s",
        "9.99 s",
        "59.9 s",
        "1 min 0 s",
        "59 min 59 s",
        "1 h 0 min",
    ]
    assert (count(0, "word"), count(1, "word"), count(2000, "word")) == (
        "0 words",
        "1 word",
        "2,000 words",
    )


@given(st.text(max_size=80), st.integers(1, 40))
def test_elided_text_fits_and_keeps_its_ends(text: str, width: int) -> None:
    short = elide(text, width)
    closed = " ".join(text.split())
    assert len(short) <= width
    assert short[0:1] == closed[0:1]
    if len(closed) <= width:
        assert short == closed
    elif width >= 4:
        assert short[-1] == closed[-1]
