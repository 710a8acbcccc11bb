"""The circuit breaker for an unreachable queue, with a clock that the test sets."""

import time

import pytest

from glyphd.queue_breaker import REST_SECONDS, QueueBreaker


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as the only item of a list."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_everybody_may_try_until_one_fails(clock: list[float]) -> None:
    breaker = QueueBreaker()
    assert [breaker.lets_try() for _ in range(3)] == [True] * 3
    assert [breaker.note_failure(), breaker.note_failure()] == [True, False]
    assert not breaker.lets_try()


def test_one_at_a_time_tries_again(clock: list[float]) -> None:
    breaker = QueueBreaker()
    breaker.note_failure()
    clock[0] += REST_SECONDS
    assert [breaker.lets_try() for _ in range(3)] == [True, False, False]
    clock[0] += REST_SECONDS
    assert breaker.lets_try()


def test_a_success_lets_everybody_try(clock: list[float]) -> None:
    breaker = QueueBreaker()
    breaker.note_failure()
    clock[0] += REST_SECONDS
    assert breaker.lets_try()
    assert [breaker.note_success(), breaker.note_success()] == [True, False]
    assert [breaker.lets_try() for _ in range(3)] == [True] * 3
