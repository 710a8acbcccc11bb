"""Times: which are accepted, and that their text sorts in time order."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings, strategies as st

from glyphd.times import Clock, now_text, parse_time, read_stored, text_after, utc_text

MOMENTS = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2025-07-29T12:12:00Z", "2025-07-29T12:12:00.000000Z"),
        ("2025-07-29t12:12:00z", "2025-07-29T12:12:00.000000Z"),
        ("2025-07-29 12:12:00", "2025-07-29T12:12:00.000000Z"),
        ("2025-07-29 12:12:00 +02:00", "2025-07-29T10:12:00.000000Z"),
        ("2025-07-29T12:12:00-0530", "2025-07-29T17:42:00.000000Z"),
        ("2025-07-29T12:12:00+02", "2025-07-29T10:12:00.000000Z"),
        ("2025-07-29T12:12", "2025-07-29T12:12:00.000000Z"),
        ("2025-07-29", "2025-07-29T00:00:00.000000Z"),
        ("2025-07-29T12:12:00,5Z", "2025-07-29T12:12:00.500000Z"),
        ("2025-07-29T12:12:00.1234567Z", "2025-07-29T12:12:00.123456Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_reads_rfc_3339_a_space_for_the_t_and_plain_dates(text: str, stored: str) -> None:
    assert parse_time(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20250729",
        "1704067200",
        "2025-07-29T",
        "2025-07-29T12",
        "2025-02-29",
        "2025-07-29T24:00:01Z",
        "2025-07-29T12:60:00Z",
        "2025-07-29T12:12:60Z",
        "2025-07-29T12:12:00+24:00",
        "2025-W31-2",
        "29/07/2025",
        "2025-07-29T12:12:00Z ",
        "2025-07-29T12:12:00Z\n",
        "２０２５-07-29",
        "0000-01-01",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_refuses_any_other_form_and_what_does_not_exist(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


@given(MOMENTS, MOMENTS)
@settings(deadline=None)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert (utc_text(one) < utc_text(other)) == (one < other)
    assert len(utc_text(one)) == 27


@given(MOMENTS)
@settings(deadline=None)
def test_a_moment_survives_being_stored_and_parsed(moment: datetime) -> None:
    stored = utc_text(moment)
    assert read_stored(stored) == moment
    assert parse_time(moment.isoformat(" ")) == stored


def test_without_an_offset_a_moment_is_utc() -> None:
    aware = datetime(2025, 7, 29, 12, tzinfo=UTC)
    assert utc_text(aware.replace(tzinfo=None)) == utc_text(aware)


def test_the_text_after_is_a_microsecond_later() -> None:
    assert text_after("2025-12-31T23:59:59.999999Z") == "2026-01-01T00:00:00.000000Z"


def test_now_is_now() -> None:
    before = utc_text(datetime.now(UTC))
    assert before <= now_text() <= utc_text(datetime.now(UTC))


NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_clock_follows_a_server_that_is_ahead_or_behind() -> None:
    for minutes in (10, -10):
        clock = Clock()
        assert clock.follow(NOON + minutes * MINUTE, NOON, NOON)
        assert abs(clock.now() - datetime.now(UTC) - minutes * MINUTE) < MINUTE


def test_a_clock_says_a_difference_once() -> None:
    clock = Clock()
    assert [clock.follow(NOON + MINUTE, NOON, NOON) for _ in range(2)] == [True, False]


def test_what_a_slow_answer_explains_is_no_difference() -> None:
    clock = Clock()
    assert not clock.follow(NOON + 5 * MINUTE, NOON, NOON + 6 * MINUTE)
    assert clock.ahead == timedelta(0)
