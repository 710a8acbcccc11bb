"""A model over time: the database computes what plain Python does."""

from datetime import date, timedelta
from typing import Any

import pytest
from peewee import SQL, Value

from glyphd.contracts.parameter_reading import choices, read_parameters
from glyphd.contracts.queries import Bucket, ModelHistoryQuery
from glyphd.db.archive_models import ROLLBACK, ImportBatch, ScoredListing
from glyphd.db.dialects import bucket_start
from glyphd.history.buckets import ModelHistory
from glyphd.storage.batch_changes import Change, change_batch
from glyphd.storage.stores import DatabaseListingStore
from tests.history.random_markets import events, fill, folded, lowest_of, numbers_of
from tests.storage.listings import seen

BUCKETS = choices(Bucket)


def _rows(
    store: DatabaseListingStore, model: str, after_bucket: str | None = None, **asked: str
) -> list[dict[str, Any]]:
    with store.database.connection_context():
        history = ModelHistory(
            store.database, model, read_parameters(ModelHistoryQuery, asked.items())
        )
        after = None if after_bucket is None else [after_bucket]
        return [dict(zip(history.columns, row, strict=True)) for row in history.read(after)]


def _start(time: str, bucket: str) -> str:
    day = date.fromisoformat(time[:10])
    if bucket == "month":
        return day.replace(day=1).isoformat()
    return day.isoformat() if bucket == "day" else (day - timedelta(days=day.weekday())).isoformat()


def _computed(found: list[ScoredListing], bucket: str) -> list[dict[str, Any]]:
    """The expected buckets, from events with the latest first."""
    latest: dict[str, dict[bytes, ScoredListing]] = {}
    all_of: dict[str, list[ScoredListing]] = {}
    for event in found:
        all_of.setdefault(_start(event.seen_at, bucket), []).append(event)
        latest.setdefault(_start(event.seen_at, bucket), {}).setdefault(
            bytes(event.listing_id), event
        )
    return [
        {"bucket": start} | numbers_of(list(latest[start].values())) | lowest_of(all_of[start])
        for start in sorted(latest)
    ]


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("seed", range(2))
def test_a_row_is_what_python_computes_from_the_events(
    store: DatabaseListingStore, seed: int, bucket: str
) -> None:
    fill(store, seed)
    for model in ("RTX_A6000", "l4", "Ärger"):
        found = [event for event in events(store) if folded(event.model) == folded(model)]
        assert _rows(store, model, bucket=bucket) == _computed(found, bucket)


def test_bounds_come_before_the_choice_of_the_latest(store: DatabaseListingStore) -> None:
    fill(store, 3)
    after, before = "2025-01-03T10:00:00.000000Z", "2025-01-20T10:00:00.000000Z"
    found = [
        event
        for event in events(store)
        if event.model.lower() == "l4" and after < event.seen_at < before
    ]
    assert _rows(store, "L4", bucket="week", after=after, before=before) == _computed(found, "week")


def test_rows_behind_a_bucket(store: DatabaseListingStore) -> None:
    fill(store, 4)
    rows = _rows(store, "L4")
    assert _rows(store, "L4", rows[4]["bucket"]) == rows[5:]


def test_imports_that_are_rolled_back_do_not_count(store: DatabaseListingStore) -> None:
    for day in (1, 2, 3):
        store.insert_listings([seen(day, price_usd=day)], f"import-{day}")
    with store.database.connection_context():
        change_batch(store.database, Change("import-2", ROLLBACK))
    assert [row["min_price"] for row in _rows(store, "L4")] == [1, 3]


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize(
    "day",
    [
        "0001-01-01", "0001-01-31", "1970-01-01", "2000-02-29", "2024-12-30", "2024-12-31",
        "2025-01-01", "2025-01-05",
        "2025-01-06", "2026-12-31", "2027-01-01", "9999-12-31",
    ],
)  # fmt: skip
def test_a_bucket_is_named_by_its_first_day(
    store: DatabaseListingStore, day: str, bucket: str
) -> None:
    time = f"{day}T23:59:59.999999Z"
    with store.database.connection_context():
        start = bucket_start(store.database, Value(time).cast("TEXT"), bucket)
        assert store.database.execute(_select(start)).fetchone()[0] == _start(time, bucket)


def _select(node: Any) -> Any:
    return ImportBatch.select(node).from_(SQL("(SELECT 1) AS one"))
