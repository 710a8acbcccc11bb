"""The model of workers that share cores and a lock: its limits match calculations by hand."""

import pytest

from bench.capacity import Costs, rows_per_second, seconds_for

COSTS = Costs(rows=100, outside=6.0, inside=1.0, width=2.0)


def test_one_worker_takes_what_its_parts_take() -> None:
    assert seconds_for(COSTS, files=3, workers=1, cores=8) == pytest.approx(3 * (6 / 2 + 1))


def test_no_more_than_the_cores_can_do() -> None:
    assert seconds_for(COSTS, files=6, workers=3, cores=2) >= 6 * 7 / 2
    assert rows_per_second(COSTS, workers=9, cores=2) <= 100 * 2 / 7


def test_no_more_than_the_lock_lets_through() -> None:
    assert rows_per_second(COSTS, workers=50, cores=1000) == pytest.approx(100, rel=0.1)


def test_more_workers_bring_more_until_then() -> None:
    rates = [rows_per_second(COSTS, workers=count, cores=16) for count in (1, 2, 3, 4, 8)]
    assert rates == sorted(rates)
    assert rates[2] == pytest.approx(3 * rates[0], rel=0.1)


def test_work_is_neither_lost_nor_made() -> None:
    """On one core all work is done in sequence."""
    assert seconds_for(COSTS, files=5, workers=3, cores=1) == pytest.approx(5 * 7)
