"""SQLite's plans for the main queries: they follow an order, do not sort, and read only what they
must."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from peewee import SQL, Query, Select, SqliteDatabase, fn

from glyphd.contracts.columns import COLUMN_NAMES
from glyphd.db.archive_models import IS_CURRENT, ScoredListing
from glyphd.settings import Settings
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predicates import is_of_listing
from glyphd.storage.result_rows import select_rows
from glyphd.storage.timelines import CHANGE_TIMELINE, MODEL_TIMELINE, TIMELINE, Along
from tests.db.ledger import IMPORT_ID, fill_archive

LATEST_FIRST = (ScoredListing.seen_at.desc(), ScoredListing.id.desc())
COLUMNS = (*COLUMN_NAMES, "imported_at")


def _events(along: Along | None = None) -> Select:
    return select_rows(COLUMNS, Knowledge(), along)


@pytest.fixture
def archive(sqlite_settings: Settings) -> Iterator[sqlite3.Connection]:
    fill_archive(sqlite_settings)
    with closing(sqlite3.connect(sqlite_settings.archive_path)) as connection:
        yield connection


@pytest.mark.parametrize(
    ("query", "way"),
    [
        (_events(TIMELINE).where(IS_CURRENT).order_by(*LATEST_FIRST), "SCAN place"),
        (
            _events(TIMELINE)
            .where(IS_CURRENT, ScoredListing.seen_at > "2025")
            .order_by(*LATEST_FIRST),
            "SEARCH place USING PRIMARY KEY (seen_at>?)",
        ),
        (
            _events(MODEL_TIMELINE)
            .where(IS_CURRENT, ScoredListing.model == "h100")
            .order_by(*LATEST_FIRST),
            "SEARCH place USING PRIMARY KEY (model=?)",
        ),
        (
            _events(CHANGE_TIMELINE).where(ScoredListing.change_step == 1).order_by(*LATEST_FIRST),
            "SEARCH place USING PRIMARY KEY (change_step=?)",
        ),
        (
            _events().where(ScoredListing.batch == IMPORT_ID).order_by(ScoredListing.import_index),
            "SEARCH t1 USING INDEX scored_listings_by_import (import_id=?)",
        ),
        (
            _events().where(is_of_listing(b"")).order_by(ScoredListing.seen_at, ScoredListing.id),
            "SEARCH t1 USING INDEX scored_listings_by_listing (first_event_id=?)",
        ),
    ],
)
def test_the_main_queries_have_a_way_and_sort_nothing(
    archive: sqlite3.Connection, query: Query, way: str
) -> None:
    plan = _plan(archive, query)
    assert way in plan.splitlines()
    assert "TEMP B-TREE" not in plan


def test_what_is_gone_is_looked_up_row_by_row(archive: sqlite3.Connection) -> None:
    """Through its own import, the latest complete file of its source, and the index of listings."""
    offered = Knowledge(has_complete_files=True).is_current()
    plan = _plan(archive, _events(TIMELINE).where(offered).order_by(*LATEST_FIRST).limit(100))
    assert plan.startswith("SCAN place\nSEARCH event USING INTEGER PRIMARY KEY (rowid=?)")
    for way in (
        "SEARCH batch_of_event USING INDEX importbatch_import_id (import_id=?)",
        "SEARCH latest_file USING PRIMARY KEY (source=?)",
        "SEARCH listed USING COVERING INDEX scored_listings_by_listing (first_event_id=?)",
    ):
        assert way in plan
    assert "TEMP B-TREE" not in plan


def test_nothing_is_looked_up_while_no_complete_file_counts(archive: sqlite3.Connection) -> None:
    assert Knowledge().is_current() is IS_CURRENT
    assert "complete_sources" not in _plan(archive, _events(TIMELINE).where(IS_CURRENT))


@pytest.mark.parametrize("column", ["region", "seller", "price_usd", "score", "vram_gb"])
def test_the_other_filters_walk_the_current_rows_alone(
    archive: sqlite3.Connection, column: str
) -> None:
    query = (
        _events(TIMELINE)
        .where(IS_CURRENT, getattr(ScoredListing, column) == 1)
        .order_by(*LATEST_FIRST)
    )
    plan = _plan(archive, query)
    assert plan.startswith("SCAN place\nSEARCH event USING INTEGER PRIMARY KEY (rowid=?)")
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("table", ["events_by_time", "events_by_model"])
def test_events_can_be_counted_without_being_read(archive: sqlite3.Connection, table: str) -> None:
    """A client requests the number of all current listings of a model: none of them is looked
    up."""
    along = {"events_by_time": TIMELINE, "events_by_model": MODEL_TIMELINE}[table].alone(
        SqliteDatabase(None)
    )
    plan = _plan(archive, ScoredListing.select(fn.COUNT(SQL("*"))).from_(along).where(IS_CURRENT))
    assert plan == "SCAN t1"


def test_offers_of_a_model_are_filtered_before_they_are_looked_up(
    archive: sqlite3.Connection,
) -> None:
    """Score and price are in the order, so that of many offers only the wanted ones are read."""
    wanted = (ScoredListing.score >= 0.9) & (ScoredListing.price_usd <= 1000)
    query = (
        ScoredListing.select(ScoredListing.id, ScoredListing.score, ScoredListing.price_usd)
        .from_(MODEL_TIMELINE)
        .where(ScoredListing.model == "H100", IS_CURRENT, wanted)
    )
    assert _plan(archive, query) == "SEARCH place USING PRIMARY KEY (model=?)"


def _plan(connection: sqlite3.Connection, query: Query) -> str:
    sql, parameters = SqliteDatabase(None).get_sql_context().sql(query).query()
    return "\n".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))
