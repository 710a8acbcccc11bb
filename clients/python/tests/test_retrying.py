"""When another try is worth it, and how long it waits."""

from datetime import UTC, datetime

import pytest

from glyphd_client.retrying import Retries, seconds_asked

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def test_pauses_grow_until_the_time_is_up() -> None:
    pauses: list[float] = []
    waited = 0.0
    while (pause := Retries(20).pause(len(pauses) + 1, waited, None)) is not None:
        pauses.append(pause)
        waited += pause
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_the_service_says_how_long_to_wait() -> None:
    assert Retries(60).pause(1, 0.0, 30.0) == 30.0
    assert Retries(60).pause(1, 40.0, 30.0) is None
    assert Retries(0).pause(1, 0.0, None) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        ("Thu, 26 Nov 2026 12:00:30 GMT", 30.0),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_pause_is_seconds_or_a_moment(header: str | None, seconds: float | None) -> None:
    assert seconds_asked(header, NOW) == seconds
