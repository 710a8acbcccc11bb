"""SQL is generated once for each shape of a query, and every query has its own values."""

from typing import Any

import pytest
from peewee import Database, Select, SqliteDatabase

from glyphd.db.archive_models import ScoredListing
from glyphd.listings.statements import MOST_KEPT, Statements, Values
from glyphd.storage.predicates import restrict

WANTED: list[dict[str, Any]] = [
    {"model": ["L4"], "min_score": 0.5},
    {"model": ["A2", "l40"], "min_score": 0.5},
    {"region": ["EU"], "seller": ["EU"], "min_price": 1.0, "max_price": 1.0},
    {"model_contains": "rtx"},
    {"model_contains": "RTX"},
    {"source": ["eBay"], "min_vram_gb": 24, "after": "2025-01-01T00:00:00.000000Z"},
    {},
]


@pytest.fixture
def database() -> Database:
    return SqliteDatabase(":memory:")


class Counting:
    """Builds queries, and counts how often."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.count = 0

    def build(self, values: Values) -> Select:
        self.count += 1
        filters = {name: value for name, value in values.items() if name != "limit"}
        return restrict(ScoredListing.select(ScoredListing.id), self.database, filters).limit(
            values["limit"]
        )


def _plain(database: Database, values: Values) -> tuple[str, list[Any]]:
    sql, parameters = database.get_sql_context().sql(Counting(database).build(values)).query()
    return sql, list(parameters)


@pytest.mark.parametrize("wanted", WANTED)
def test_the_sql_is_what_peewee_writes(database: Database, wanted: dict[str, Any]) -> None:
    statements, counting = Statements(), Counting(database)
    for limit in (1, 100, 100):
        values = wanted | {"limit": limit}
        assert statements.write(database, "rows", values, counting.build) == _plain(
            database, values
        )


def test_equal_shapes_are_built_once(database: Database) -> None:
    statements, counting = Statements(), Counting(database)
    for number in range(10):
        statements.write(
            database, "rows", {"model": [f"M{number}"], "limit": number}, counting.build
        )
    assert counting.count == 1


def test_a_value_that_is_changed_on_its_way_is_never_taken_for_another(database: Database) -> None:
    statements, counting = Statements(), Counting(database)
    for text in ("rtx", "RTX", "l4"):
        _, parameters = statements.write(
            database, "rows", {"model_contains": text, "limit": 1}, counting.build
        )
        assert text.lower() in parameters


def test_no_more_than_so_many_are_kept(database: Database) -> None:
    statements, counting = Statements(), Counting(database)
    for number in range(MOST_KEPT + 2):
        statements.write(database, number, {"limit": 1}, counting.build)
    assert len(statements._learn.cache) == MOST_KEPT
