"""Facts about the schema that users, documents and queries rely on."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peewee import SqliteDatabase

from glyphd.contracts.cells import BooleanCell, JsonCell, TextCell, TimeCell
from glyphd.contracts.columns import COLUMN, COLUMN_NAMES, REQUIRED, STORED_COLUMNS
from glyphd.contracts.extras import ExtraCell
from glyphd.contracts.numeric_cells import IntegerCell, NumberCell
from glyphd.db.archive_models import ARCHIVE_MODELS
from glyphd.db.fields import CaselessTextField
from glyphd.db.migration_sets import ARCHIVE, open_to_look
from glyphd.db.migrations import migrate
from glyphd.db.order_models import SQLITE_MODELS
from glyphd.db.registry_models import REGISTRY_MODELS
from glyphd.db.schema_sql import schema_sql
from glyphd.settings import Settings
from tests.db.ledger import IMPORT_ID, fill_archive, fill_registry

DOCS = Path(__file__).parents[1] / "docs"
HEADING = re.compile(r"^### `(\w+)`$", re.MULTILINE)
COLUMN_LINE = re.compile(r"^\| `(\w+)` \| (\w+) \| (yes|no) \| ", re.MULTILINE)
VIEW_LINE = re.compile(r"^\| `(\w+)` \| ", re.MULTILINE)
STORED_AS = dict.fromkeys((TextCell, TimeCell, JsonCell, ExtraCell), "TEXT") | {
    NumberCell: "REAL",
    IntegerCell: "INTEGER",
    BooleanCell: "INTEGER",
}
ALL_MODELS = (*ARCHIVE_MODELS, *SQLITE_MODELS, *REGISTRY_MODELS)


@pytest.fixture
def archive(sqlite_settings: Settings) -> Iterator[sqlite3.Connection]:
    migrate(sqlite_settings)
    fill_archive(sqlite_settings)
    with closing(sqlite3.connect(sqlite_settings.archive_path)) as connection:
        yield connection


@pytest.fixture
def registry(sqlite_settings: Settings) -> Iterator[sqlite3.Connection]:
    migrate(sqlite_settings)
    fill_registry(sqlite_settings)
    with closing(sqlite3.connect(sqlite_settings.registry_path)) as connection:
        yield connection


@pytest.mark.parametrize(
    "table", ["scored_listings", "quantized_listings", "listings", "gpu_listings"]
)
def test_persisted_rows_carry_import_id_and_import_index(
    archive: sqlite3.Connection, table: str
) -> None:
    columns = {name for _, name, *_ in archive.execute(f"PRAGMA table_info({table})")}
    assert {"import_id", "import_index"} <= columns


@pytest.mark.parametrize(
    ("table", "indexes"),
    [
        ("scored_listings", [1, 2]),
        ("quantized_listings", [1]),
        ("gpu_listings", [1, 2]),
        ("listings", [1]),
    ],
)
def test_rows_are_found_by_their_import_id(
    archive: sqlite3.Connection, table: str, indexes: list[int]
) -> None:
    query = (
        f"SELECT import_index FROM {table} WHERE import_id = '{IMPORT_ID}' ORDER BY import_index"
    )
    assert [index for (index,) in archive.execute(query)] == indexes


@pytest.mark.parametrize("view", ["listings", "gpu_listings"])
def test_views_begin_with_the_columns_of_the_row_contract(
    archive: sqlite3.Connection, view: str
) -> None:
    columns = tuple(name for _, name, *_ in archive.execute(f"PRAGMA table_info({view})"))
    assert columns[: len(COLUMN_NAMES)] == COLUMN_NAMES
    assert columns[len(COLUMN_NAMES) :][:4] == (
        "import_id",
        "import_index",
        "listing_id",
        "imported_at",
    )


def test_views_show_the_listing_id_as_lower_case_hex(archive: sqlite3.Connection) -> None:
    assert archive.execute("SELECT listing_id FROM listings").fetchall() == [
        ("000102030405060708090a0b0c0d0e0f",)
    ]


def test_gpu_listings_has_every_event_and_says_which_are_current(
    archive: sqlite3.Connection,
) -> None:
    assert archive.execute(
        "SELECT model, is_current FROM gpu_listings ORDER BY model"
    ).fetchall() == [
        ("H100_PCIE_80GB", 1),
        ("RTX_A6000", 0),
    ]


def test_schema_version_records_every_step(archive: sqlite3.Connection) -> None:
    rows = archive.execute(
        "SELECT version, name, length(applied_at) FROM schema_version ORDER BY version"
    ).fetchall()
    history = archive.execute("SELECT name FROM archive_migrations ORDER BY id").fetchall()
    assert rows == [(number, name, 27) for number, (name,) in enumerate(history, start=1)]


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE scored_listings SET is_current = 2", "CHECK"),
        ("UPDATE scored_listings SET import_index = 1", "UNIQUE"),
        ("UPDATE scored_listings SET import_id = 'nobody'", "FOREIGN KEY"),
        ("UPDATE quantized_listings SET import_id = 'nobody'", "FOREIGN KEY"),
        ("UPDATE batch_changes SET kind = 'undo'", "CHECK"),
        (
            """INSERT INTO models (canonical_model, seen_at, import_id, import_index)
            SELECT 'h100_pcie_80gb', '', import_id, 1 FROM import_batches""",
            "UNIQUE",
        ),
    ],
)
def test_the_archive_refuses_what_can_not_be(
    archive: sqlite3.Connection, statement: str, broken: str
) -> None:
    archive.execute("PRAGMA foreign_keys = 1")
    with pytest.raises(sqlite3.IntegrityError, match=broken):
        archive.execute(statement)


@pytest.mark.parametrize(
    ("column", "value"), [("kind", "export"), ("status", "done"), ("on_error", "ignore")]
)
def test_the_registry_knows_its_words(
    registry: sqlite3.Connection, column: str, value: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=f"CHECK constraint failed: {column}"):
        registry.execute(f"UPDATE jobs SET {column} = '{value}'")


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


def test_the_models_make_the_same_tables(
    archive: sqlite3.Connection, registry: sqlite3.Connection
) -> None:
    with closing(_made_by_models()) as database:
        modelled = _shape(database.connection())
    migrated = _shape(archive) | _shape(registry)
    assert modelled == {
        name: facts for name, facts in migrated.items() if not name.endswith("_migrations")
    }


def test_caseless_columns_ignore_ascii_case(archive: sqlite3.Connection) -> None:
    for model in (*ARCHIVE_MODELS, *SQLITE_MODELS):
        table = model._meta.table_name
        (sql,) = archive.execute(
            "SELECT sql FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()
        found = re.findall(r"^ +(\w+) TEXT COLLATE NOCASE", sql, re.MULTILINE)
        assert found == [
            name
            for name, field in model._meta.columns.items()
            if isinstance(field, CaselessTextField)
        ]


def _sections() -> dict[str, str]:
    """The text of the data model under each table's or view's heading."""
    parts = HEADING.split((DOCS / "DATA_MODEL.md").read_text())[1:]
    return {
        table: text.partition("\n## ")[0]
        for table, text in zip(parts[::2], parts[1::2], strict=True)
    }


def _beside_contract(table: str, columns: Iterable[Any]) -> list[Any]:
    """The columns of a table that are described one by one: those of the row contract are described
    elsewhere."""
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


def _made_by_models() -> SqliteDatabase:
    database = SqliteDatabase(":memory:")
    with database.bind_ctx(ALL_MODELS):
        database.create_tables(ALL_MODELS)
    return database


def _shape(connection: sqlite3.Connection) -> dict[str, tuple[object, ...]]:
    """Of each table: its columns with type, null-ness and key; whether it has a rowid; its
    references; its indexes."""
    tables = connection.execute(
        "SELECT name, wr FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    )
    return {
        table: (
            connection.execute(f"PRAGMA table_info({table})").fetchall(),
            without_rowid,
            connection.execute(f"PRAGMA foreign_key_list({table})").fetchall(),
            _indexes(connection, table),
        )
        for table, without_rowid in tables.fetchall()
    }


def _indexes(connection: sqlite3.Connection, table: str) -> dict[str, tuple[object, ...]]:
    """Of each index: whether it is unique and for all rows; its columns with their direction; its
    condition."""
    found: dict[str, tuple[object, ...]] = {}
    for _, name, unique, origin, partial in connection.execute(
        f"PRAGMA index_list({table})"
    ).fetchall():
        if origin == "c":
            (sql,) = connection.execute(
                "SELECT sql FROM sqlite_master WHERE name = ?", (name,)
            ).fetchone()
            terms = [
                (row[1], row[3])
                for row in connection.execute(f"PRAGMA index_xinfo({name})")
                if row[5]
            ]
            found[name] = (
                unique,
                partial,
                terms,
                re.sub(r'[\s"()]', "", sql.partition("WHERE")[2]),
            )
    return found


def test_the_schema_says_what_the_data_model_says(
    archive: sqlite3.Connection, registry: sqlite3.Connection
) -> None:
    """The same words inside CREATE TABLE and in the document."""
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
    migrate(postgres_settings)
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
