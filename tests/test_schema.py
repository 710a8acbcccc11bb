"""Properties of the schema that users, documents and queries rely on."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from peewee import SqliteDatabase

from glyphd.contracts.columns import COLUMN_NAMES
from glyphd.db.archive_models import ARCHIVE_MODELS
from glyphd.db.fields import CaselessTextField
from glyphd.db.order_models import SQLITE_MODELS
from glyphd.db.registry_models import REGISTRY_MODELS
from glyphd.settings import Settings
from tests.db.ledger import IMPORT_ID, fill_archive, fill_registry

ALL_MODELS = (*ARCHIVE_MODELS, *SQLITE_MODELS, *REGISTRY_MODELS)


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


def _made_by_models() -> SqliteDatabase:
    database = SqliteDatabase(":memory:")
    with database.bind_ctx(ALL_MODELS):
        database.create_tables(ALL_MODELS)
    return database


def _shape(connection: sqlite3.Connection) -> dict[str, tuple[object, ...]]:
    """For each table: its columns with type, nullability and key; whether it has a rowid; its
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
    """For each index: whether it is unique and for all rows; its columns with their direction; its
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
