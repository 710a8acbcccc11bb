"""The latest medians of each model by day, and their changes over 7 and 30 days."""

from datetime import date
from typing import Any

import pytest

from glyphd.contracts.market_queries import StatsHistoryQuery
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ROLLBACK
from glyphd.db.connections import close_all, open_archive
from glyphd.history import price_trends
from glyphd.history.price_trends import (
    KEPT_DAYS,
    SHOWN_DAYS,
    Missing,
    PriceTrend,
    PriceTrends,
    Trends,
    compute_trends,
)
from glyphd.history.stats_history import StatsHistory
from glyphd.settings import Settings
from glyphd.storage.batch_changes import Change, change_batch
from glyphd.storage.stores import DatabaseListingStore
from glyphd.times import utc_text
from tests.history.random_markets import fill
from tests.storage.listings import listing, seen

LAST_DAY = date(2025, 7, 31)
Points = dict[str, list[tuple[str, float]]]


def _trends(store: DatabaseListingStore, as_of: str | None = None, most: int = 1000) -> Trends:
    with store.database.connection_context():
        return compute_trends(store.database, as_of, most=most)


def _points(store: DatabaseListingStore, **asked: Any) -> Points:
    trends = _trends(store, **asked)
    assert isinstance(trends, PriceTrends)
    return {
        model: [(day.isoformat(), median) for day, median in trend.points()]
        for model, trend in trends.by_model().items()
    }


def _from_statistics(store: DatabaseListingStore) -> Points:
    """The same from the statistics by day, which compute the medians of all days."""
    with store.database.connection_context():
        asked = read_parameters(StatsHistoryQuery, [("by", "model")])
        series = StatsHistory(store.database, asked)
        rows = [dict(zip(series.columns, row, strict=True)) for row in series.read()]
    last = max(date.fromisoformat(row["bucket"]) for row in rows if row["listing_count"])
    found: Points = {}
    for row in rows:
        if row["listing_count"] and (last - date.fromisoformat(row["bucket"])).days < SHOWN_DAYS:
            point = (row["bucket"], row["median_price"])
            found.setdefault(fold_ascii(row["model"]), []).append(point)
    return found


def _trend(medians: dict[int, float]) -> PriceTrend:
    """The trend of a model with these medians, by how many days ago they were."""
    days = reversed(range(KEPT_DAYS))
    return PriceTrend(LAST_DAY, [medians.get(ago) for ago in days])


@pytest.mark.parametrize("seed", range(2))
def test_the_points_are_the_medians_of_the_statistics(
    store: DatabaseListingStore, seed: int
) -> None:
    fill(store, seed)
    found = {model: points for model, points in _points(store).items() if points}
    assert found == _from_statistics(store)
    assert max(map(len, found.values())) > 1


def test_days_before_those_shown_are_no_points(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(1, price_usd=10), seen(2, price_usd=20)], "first")
    store.insert_listings([seen(31, price_usd=30)], "second")
    assert _points(store) == {"l4": [("2025-07-02", 20), ("2025-07-31", 30)]}


def test_what_does_not_count_is_left_out(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(1, price_usd=10)], "first")
    store.insert_listings([seen(9, price_usd=20)], "second")
    with store.database.connection_context():
        change_batch(store.database, Change("second", ROLLBACK))
    assert _points(store) == {"l4": [("2025-07-01", 10)]}


def test_a_moment_has_what_was_known_then(store: DatabaseListingStore) -> None:
    first = store.insert_listings([seen(1, price_usd=10)], "first")
    store.insert_listings([seen(9, price_usd=20)], "second")
    assert _points(store, as_of=utc_text(first.timestamp)) == {"l4": [("2025-07-01", 10)]}


def test_without_an_observation_there_is_no_trend(store: DatabaseListingStore) -> None:
    assert _trends(store) is None


def test_before_the_first_days_of_all_there_is_no_trend(store: DatabaseListingStore) -> None:
    store.insert_listings([listing(seen_at="0001-01-05T12:00:00Z")], "ancient")
    assert _trends(store) is None


def test_too_many_events_are_refused_before_they_are_read(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(day, seller=str(day)) for day in (1, 2, 3)], "three")
    assert len(_points(store, most=3)["l4"]) == 3
    assert _trends(store, most=2) is Missing.TOO_MANY


def test_events_after_a_moment_are_not_too_many_for_it(store: DatabaseListingStore) -> None:
    first = store.insert_listings([seen(1, price_usd=10)], "first")
    store.insert_listings([seen(31, seller=str(number)) for number in range(5)], "second")
    assert _points(store, as_of=utc_text(first.timestamp), most=1) == {"l4": [("2025-07-01", 10)]}


def test_too_many_models_are_refused(
    store: DatabaseListingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_trends, "MOST_MODELS", 2)
    store.insert_listings([seen(1, model=name) for name in "ab"], "two")
    assert len(_points(store)) == 2
    store.insert_listings([seen(1, model="c")], "third")
    assert _trends(store) is Missing.TOO_MANY


def test_a_day_is_from_midnight_to_midnight(store: DatabaseListingStore) -> None:
    """The first of the days that are kept is 36 days before the last one."""
    times = {
        "2025-06-24T23:59:59.999999Z": 1,
        "2025-06-25T00:00:00.000000Z": 2,
        "2025-07-31T23:59:59.999999Z": 3,
    }
    store.insert_listings(
        [
            listing(model=f"m{price}", price_usd=price, seen_at=seen_at)
            for seen_at, price in times.items()
        ],
        "edges",
    )
    trends = _trends(store)
    assert isinstance(trends, PriceTrends)
    medians = dict(trends.of_models)
    assert sorted(medians) == ["m2", "m3"]
    assert (medians["m2"][0], medians["m3"][-1]) == (2, 3)


def test_an_import_of_the_next_day_that_is_committed_meanwhile_is_left_out(
    store: DatabaseListingStore, database_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.insert_listings([seen(1, price_usd=10)], "first")
    other = DatabaseListingStore(open_archive(database_settings, read_only=False))
    has_more = price_trends._has_more_events

    def overtaken(*asked: Any) -> bool:
        other.insert_listings([seen(2, price_usd=20)], "second")
        return has_more(*asked)

    monkeypatch.setattr(price_trends, "_has_more_events", overtaken)
    assert _points(store) == {"l4": [("2025-07-01", 10)]}
    close_all(other.database)


@pytest.mark.parametrize(
    ("medians", "days", "change"),
    [
        ({0: 110, 7: 100}, 7, 10),
        ({0: 110, 6: 90, 7: 100, 8: 80}, 7, 10),
        ({0: 75, 30: 100}, 30, -25),
        ({6: 110, 13: 100}, 7, 10),
        ({3: 110, 36: 100}, 30, 10),
        ({0: 100, 7: 100}, 7, 0),
        ({0: 110, 14: 100}, 7, None),
        ({7: 110, 14: 100}, 7, None),
        ({0: 110, 6: 100}, 7, None),
        ({0: 110, 7: 0}, 7, None),
        ({0: 110}, 30, None),
        ({}, 7, None),
    ],
)
def test_a_change_is_from_the_day_asked_for_or_the_latest_of_the_week_before(
    medians: dict[int, float], days: int, change: float | None
) -> None:
    found = _trend(medians).change_pct(days)
    assert found == (change if change is None else pytest.approx(change))
