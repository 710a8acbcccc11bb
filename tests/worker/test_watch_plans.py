"""SQLite's plan for the query of a watch: it reads the offers of its model in the order of their
prices, and looks up only the events that it keeps."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from peewee import Database

from glyphd.contracts.watch_contracts import WatchCondition
from glyphd.db.connections import close_all, open_archive
from glyphd.db.migrations import initialise_archive
from glyphd.settings import Settings
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.moves import create_moves
from worker import watching

OF_MODEL = {"model": ["L4"], "region": ["EU"], "min_price": 1.0, "value": 5.0}
PLAIN = sorted(set(WatchCondition) - {WatchCondition.LOWEST_EVER})
"""The conditions that need nothing from an offer's history."""


@pytest.fixture
def archive(sqlite_settings: Settings) -> Iterator[Database]:
    """An empty archive with an empty table of moves."""
    initialise_archive(sqlite_settings)
    database = open_archive(sqlite_settings, read_only=False)
    with database.connection_context(), database.atomic():
        create_moves(database)
        yield database
    close_all(database)


def _plan(
    archive: Database, build: Callable[..., Any], condition: WatchCondition, given: dict[str, Any]
) -> list[str]:
    query = build(archive, condition, Knowledge(), given)
    sql, parameters = archive.get_sql_context().sql(query).query()
    return [row[3] for row in archive.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]


@pytest.mark.parametrize("condition", PLAIN)
def test_offers_of_a_model_are_read_in_the_order_of_their_price(
    archive: Database, condition: WatchCondition
) -> None:
    first, search, *rest = _plan(archive, watching._cheapest, condition, OF_MODEL)
    assert (first, search[:35]) == ("MATERIALIZE chosen", "SEARCH moved USING PRIMARY KEY (mod")
    assert "USE TEMP B-TREE FOR ORDER BY" not in rest[:1]
    assert not any("event" in line for line in rest)


@pytest.mark.parametrize("condition", PLAIN)
@pytest.mark.parametrize("given", [OF_MODEL, {"value": 5.0}])
def test_what_is_counted_is_not_looked_up(
    archive: Database, condition: WatchCondition, given: dict[str, Any]
) -> None:
    lines = _plan(archive, watching._counted, condition, given)
    assert not any("event" in line for line in lines), lines


def test_offers_of_all_models_below_a_price_are_read_model_by_model(archive: Database) -> None:
    given = {"model": ["H100", "L4"], "region": ["EU"], "value": 5.0}
    for build in (watching._cheapest, watching._counted):
        lines = _plan(archive, build, WatchCondition.PRICE_BELOW, given)
        search = "SEARCH moved USING PRIMARY KEY (model=? AND price_usd<?)"
        assert search in lines, lines
