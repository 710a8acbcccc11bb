"""The documents about the data, compared with the schema: docs/DATA_MODEL.md and
docs/schema.sql."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from glyphd.contracts.cells import BooleanCell, JsonCell, TextCell, TimeCell
from glyphd.contracts.columns import COLUMN, REQUIRED, STORED_COLUMNS
from glyphd.contracts.extras import ExtraCell
from glyphd.contracts.numeric_cells import IntegerCell, NumberCell
from glyphd.db.migration_sets import ARCHIVE, open_to_look
from glyphd.db.schema_sql import schema_sql
from glyphd.settings import Settings
from tests.db.ledger import fill_archive, fill_registry

DOCS = Path(__file__).parents[1] / "docs"
HEADING = re.compile(r"^### `(\w+)`$", re.MULTILINE)
COLUMN_LINE = re.compile(r"^\| `(\w+)` \| (\w+) \| (yes|no) \| ", re.MULTILINE)
VIEW_LINE = re.compile(r"^\| `(\w+)` \| ", re.MULTILINE)
STORED_AS = dict.fromkeys((TextCell, TimeCell, JsonCell, ExtraCell), "TEXT") | {
    NumberCell: "REAL",
    IntegerCell: "INTEGER",
    BooleanCell: "INTEGER",
}


@pytest.fixture
def archive(sqlite_settings: Settings) -> Iterator[sqlite3.Connection]:
    fill_archive(sqlite_settings)
    with closing(sqlite3.connect(sqlite_settings.archive_path)) as connection:
        yield connection


@pytest.fixture
def registry(sqlite_settings: Settings) -> Iterator[sqlite3.Connection]:
    fill_registry(sqlite_settings)
    with closing(sqlite3.connect(sqlite_settings.registry_path)) as connection:
        yield connection


def test_schema_sql_is_what_the_migrations_make() -> None:
    assert (DOCS / "schema.sql").read_text() == schema_sql()


def test_schema_sql_can_be_run() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript((DOCS / "schema.sql").read_text())


def test_the_data_model_describes_every_table_and_column(
    archive: sqlite3.Connection, registry: sqlite3.Connection
) -> None:
    described = {table: COLUMN_LINE.findall(text) for table, text in _sections().items()}
    for table, columns in (_columns(archive) | _columns(registry)).items():
        assert described.pop(table) == _beside_contract(table, columns), table
    for view in ("listings", "gpu_listings"):
        names = [
            name for name, *_ in archive.execute(f"SELECT name FROM pragma_table_info('{view}')")
        ]
        assert "| the row contract's |" in _sections()[view]
        assert VIEW_LINE.findall(_sections()[view]) == [
            name for name in names if name not in STORED_COLUMNS
        ]
        described.pop(view)
    assert described == {}


def test_the_columns_of_the_row_contract_are_stored_as_the_data_model_says(
    archive: sqlite3.Connection,
) -> None:
    columns = {name: (kind, null) for name, kind, null in _columns(archive)["scored_listings"]}
    never_null = {*REQUIRED, "seen_at"}
    assert {name: columns[name] for name in STORED_COLUMNS} == {
        name: (STORED_AS[type(COLUMN[name].cell)], "no" if name in never_null else "yes")
        for name in STORED_COLUMNS
    }


def test_the_data_model_names_every_index(
    archive: sqlite3.Connection, registry: sqlite3.Connection
) -> None:
    query = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    made = {name for connection in (archive, registry) for (name,) in connection.execute(query)}
    indexes = (
        (DOCS / "DATA_MODEL.md").read_text().partition("\n## Indexes\n")[2].partition("\n## ")[0]
    )
    assert set(VIEW_LINE.findall(indexes)) == made


def _sections() -> dict[str, str]:
    """The text of the data model under each table's or view's heading."""
    parts = HEADING.split((DOCS / "DATA_MODEL.md").read_text())[1:]
    return {
        table: text.partition("\n## ")[0]
        for table, text in zip(parts[::2], parts[1::2], strict=True)
    }


def _beside_contract(table: str, columns: Iterable[Any]) -> list[Any]:
    """The columns of a table that are described individually; those of the row contract are
    described elsewhere."""
    return [
        column
        for column in columns
        if table != "scored_listings" or column[0] not in STORED_COLUMNS
    ]


def _columns(connection: sqlite3.Connection) -> dict[str, list[tuple[str, str, str]]]:
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    return {
        table: [
            (name, kind.partition("(")[0], "no" if not_null else "yes")
            for _, name, kind, not_null, *_ in connection.execute(f"PRAGMA table_info({table})")
        ]
        for table in tables
    }


def test_the_schema_says_what_the_data_model_says(
    archive: sqlite3.Connection, registry: sqlite3.Connection
) -> None:
    """CREATE TABLE and the document describe columns in the same words."""
    described = {
        table: dict(re.findall(r"^\| `(\w+)` \| \w+ \| \w+ \| (.+) \|$", text, re.MULTILINE))
        for table, text in _sections().items()
    }
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%migrations'"
    )
    made = [row for connection in (archive, registry) for row in connection.execute(query)]
    for table, sql in made:
        head, *lines = sql.splitlines()
        about = head.partition(" -- ")[2]
        assert about
        assert " ".join(_sections()[table].split()).lower().startswith(f"{about}.".lower())
        commented = re.findall(r"^    (\w+) .* -- (.+)$", "\n".join(lines), re.MULTILINE)
        assert dict(_beside_contract(table, commented)) == described[table], table
        assert table != "scored_listings" or {name for name, _ in commented} >= {*STORED_COLUMNS}


def test_postgresql_has_the_same_comments(
    postgres_settings: Settings, registry: sqlite3.Connection
) -> None:
    described = {
        (table, column): words
        for table, text in _sections().items()
        for column, words in re.findall(
            r"^\| `(\w+)` \| \w+ \| \w+ \| (.+) \|$", text, re.MULTILINE
        )
    }
    query = """
        SELECT c.relname, a.attname, col_description(c.oid, a.attnum) FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
        AND c.relname NOT LIKE '%%migrations'"""
    with open_to_look(postgres_settings, ARCHIVE) as database:
        found = {
            (table, column): words
            for table, column, words in database.execute_sql(query).fetchall()
        }
    of_contract = {("scored_listings", name) for name in STORED_COLUMNS}
    assert all(found[key] for key in of_contract)
    assert {key: words for key, words in found.items() if key not in of_contract} == {
        key: described[key] for key in found if key not in of_contract
    }
