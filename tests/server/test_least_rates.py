"""The minimum rate for slow clients is high enough to limit an attack, and not higher than an
ordinary mobile connection."""

import pytest

from glyphd.server import ServerLimits

KIB, GIB = 1 << 10, 1 << 30
MOBILE = 50 * KIB
HOUR, DAY = 3600, 86400


@pytest.mark.parametrize("size", [GIB, 4 * GIB])
@pytest.mark.parametrize("is_announced", [True, False], ids=["length", "chunks"])
def test_a_mobile_line_is_fast_enough_for_every_upload(
    limits: ServerLimits, size: int, is_announced: bool
) -> None:
    announced = size if is_announced else None
    for seconds in range(60, size // MOBILE, 60):
        assert limits.due_body_bytes(announced, seconds) < MOBILE * seconds


def test_a_mobile_line_never_gives_way(limits: ServerLimits) -> None:
    assert not limits.is_slow(MOBILE * HOUR, HOUR)
    assert limits.is_slow(KIB * HOUR, HOUR)


@pytest.mark.parametrize("announced", [300 * KIB, 80 << 20])
def test_small_uploads_may_come_slowly(limits: ServerLimits, announced: int) -> None:
    assert limits.due_body_bytes(announced, 60) == KIB * 60


def test_more_is_due_of_what_announces_more(limits: ServerLimits) -> None:
    assert limits.due_body_bytes(4 * GIB, DAY) == 4 * GIB
    assert limits.due_body_bytes(GIB, HOUR) > 10 * KIB * HOUR


def test_more_is_due_of_chunks_the_longer_they_take(limits: ServerLimits) -> None:
    rates = [limits.due_body_bytes(None, hours * HOUR) / (hours * HOUR) for hours in (1, 2, 24)]
    assert rates == [3 * KIB, 5 * KIB, 49 * KIB]
