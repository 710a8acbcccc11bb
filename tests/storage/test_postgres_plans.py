"""PostgreSQL's plans for queries about one model, one listing or one import: they use an index, and
never scan all events."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from peewee import Database, Select

from glyphd.contracts.queries import ModelHistoryQuery
from glyphd.db.archive_models import ScoredListing
from glyphd.db.connections import close_all
from glyphd.db.dialects import equals_caseless
from glyphd.history.buckets import ModelHistory
from glyphd.history.market_models import models_with
from glyphd.settings import Settings
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predicates import is_of_listing
from glyphd.storage.result_rows import select_rows
from tests.databases import with_database
from tests.storage.conftest import open_store
from tests.storage.listings import seen

LISTINGS = 4000
MODELS = 100
NOW = Knowledge()
COLUMNS = ("model", "price_usd", "seen_at", "imported_at")
EVENTS = "scored_listings"
Question = Callable[[Database], Select]


@pytest.fixture(scope="module")
def archive(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Two imports of the same listings, with PostgreSQL's statistics."""
    name = f"glyphd_plans_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        folder = tmp_path_factory.mktemp("plans")
        store = open_store(_settings(folder, with_database(postgres_url, name)))
        for day in (1, 2):
            offers = (
                seen(day, model=f"M{number % MODELS}", source_url=f"https://a.example/{number}")
                for number in range(LISTINGS)
            )
            store.insert_listings(offers, str(uuid4()))
        with store.database.connection_context():
            store.database.execute_sql(f"ANALYZE {EVENTS}")
            yield store.database
        close_all(store.database)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _settings(folder: Path, url: str) -> Settings:
    return Settings(data_dir=folder, database_url=url)


def _model(database: Database) -> Select:
    is_it = equals_caseless(database, ScoredListing.model, "m7")
    return models_with(database, NOW, "exclude", is_it)


def _model_history(database: Database) -> Select:
    return ModelHistory(database, "M7", ModelHistoryQuery())._select(None, None)


def _model_listings(database: Database) -> Select:
    rows = select_rows(COLUMNS, NOW).where(NOW.is_current())
    rows = rows.where(equals_caseless(database, ScoredListing.model, "m7"))
    return rows.order_by(ScoredListing.seen_at.desc(), ScoredListing.id.desc()).limit(100)


def _model_listings_beside_complete_files(database: Database) -> Select:
    known = Knowledge(has_complete_files=True)
    rows = select_rows((*COLUMNS, "gone_at"), known).where(known.is_current())
    rows = rows.where(equals_caseless(database, ScoredListing.model, "m7"))
    return rows.order_by(ScoredListing.seen_at.desc(), ScoredListing.id.desc()).limit(100)


def _listing_history(database: Database) -> Select:
    return select_rows(COLUMNS, NOW).where(is_of_listing(b"x" * 16))


def _import(database: Database) -> Select:
    rows = select_rows(COLUMNS, NOW).where(ScoredListing.import_id == "x")
    return rows.order_by(ScoredListing.import_index)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _scans_of_events(database: Database, query: Select) -> list[str]:
    """The types of the plan's nodes that read events."""
    sql, values = database.get_sql_context().sql(query).query()
    explained = database.execute_sql(f"EXPLAIN (FORMAT JSON) {sql}", values).fetchone()[0]
    plan = explained if isinstance(explained, list) else json.loads(explained)
    return [
        node["Node Type"] for node in _nodes(plan[0]["Plan"]) if node.get("Relation Name") == EVENTS
    ]


@pytest.mark.parametrize(
    "question",
    [
        _model,
        _model_history,
        _model_listings,
        _model_listings_beside_complete_files,
        _listing_history,
        _import,
    ],
)
def test_one_of_many_is_found_by_an_index(archive: Database, question: Question) -> None:
    scans = _scans_of_events(archive, question(archive))
    assert scans
    assert "Seq Scan" not in scans


def test_a_question_without_an_index_would_show(archive: Database) -> None:
    scan = select_rows(COLUMNS, NOW).where(ScoredListing.title == "x")
    assert "Seq Scan" in _scans_of_events(archive, scan)


def test_capacities_are_not_looked_for_among_all_listings_of_a_model(archive: Database) -> None:
    """Few listings have capacities."""
    capable = ScoredListing.select(ScoredListing.id).where(
        NOW.is_current(),
        equals_caseless(archive, ScoredListing.model, "m7"),
        ScoredListing.quantization_capacity_7b.is_null(False),
    )
    sql, values = archive.get_sql_context().sql(capable).query()
    plan = archive.execute_sql(f"EXPLAIN {sql}", values).fetchall()
    assert "scored_listings_capable" in str(plan)
