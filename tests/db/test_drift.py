"""The check for drift reports every difference, and nothing if there is none."""

import pytest

from glyphd.db.connections import open_for_migration
from glyphd.db.drift import find_drift
from glyphd.db.migration_sets import ARCHIVE
from glyphd.settings import Settings

STEPS = ARCHIVE.packaged()
ON_BOTH = [
    ("DROP VIEW gpu_listings", "archive: view gpu_listings is missing"),
    ("DROP TABLE quantized_listings", "archive: table quantized_listings is missing"),
    (
        "ALTER TABLE models ADD COLUMN colour TEXT",
        "archive: column models.colour is not one of glyphd's",
    ),
    ("ALTER TABLE models DROP COLUMN vram_gb", "archive: column models.vram_gb is missing"),
    (
        "DROP INDEX scored_listings_by_listing",
        "archive: index scored_listings_by_listing of scored_listings is missing",
    ),
    (
        "CREATE INDEX mine ON models (vram_gb)",
        "archive: index mine of models is not one of glyphd's",
    ),
    (
        "DELETE FROM schema_version WHERE version = 2",
        (
            f"archive: schema_version says {', '.join(STEPS[:1] + STEPS[2:])}, archive_migrations "
            f"says {', '.join(STEPS)}"
        ),
    ),
]
INDEXES = [
    (
        "CREATE INDEX {name} ON scored_listings (import_id, import_index DESC)",
        "is an index on (import_id, import_index",
    ),
    (
        "CREATE UNIQUE INDEX {name} ON scored_listings (import_id, import_index)",
        "(import_id, import_index), not",
    ),
    (
        "CREATE UNIQUE INDEX {name} ON scored_listings (import_id)",
        "is a unique index on (import_id), not a unique",
    ),
    (
        (
            "CREATE UNIQUE INDEX {name} ON scored_listings (import_id, import_index DESC) "
            "WHERE line IS NULL"
        ),
        "DESC) for some rows, not",
    ),
]
ON_SQLITE = [
    (
        "ALTER TABLE models RENAME COLUMN vram_gb TO memory",
        "archive: column models.memory is not one of glyphd's",
    ),
    ("CREATE TABLE mine (id INTEGER)", "archive: table mine is not one of glyphd's"),
    (
        (
            "CREATE TABLE {table} (listing_id BLOB NOT NULL, current_event_id TEXT, PRIMARY KEY "
            "(listing_id))"
        ),
        "archive: column listing_keys.current_event_id is TEXT, not INTEGER",
    ),
    (
        (
            "CREATE TABLE {table} (listing_id BLOB NOT NULL, current_event_id INTEGER NOT NULL, "
            "PRIMARY KEY (listing_id))"
        ),
        "archive: column listing_keys.current_event_id may not be null",
    ),
    (
        "CREATE TABLE {table} (listing_id BLOB NOT NULL, current_event_id INTEGER PRIMARY KEY)",
        "archive: the key of listing_keys is (current_event_id), not (listing_id)",
    ),
]
ON_POSTGRESQL = [
    (
        "ALTER TABLE models ALTER COLUMN vram_gb TYPE INTEGER",
        "archive: column models.vram_gb is integer, not bigint",
    ),
    (
        "ALTER TABLE models ALTER COLUMN seen_at DROP NOT NULL",
        "archive: column models.seen_at may be null",
    ),
    (
        'ALTER TABLE jobs ALTER COLUMN sha256 TYPE TEXT COLLATE "default"',
        "registry: the collation of jobs.sha256 is the default, not C",
    ),
    (
        "ALTER TABLE batch_changes DROP CONSTRAINT batch_changes_import_id_fkey",
        "archive: column batch_changes.import_id does not refer to import_batches.import_id",
    ),
    (
        (
            "DROP INDEX scored_listings_current_by_model; CREATE INDEX "
            "scored_listings_current_by_model"
            " ON scored_listings (id)"
        ),
        (
            "archive: index scored_listings_current_by_model of scored_listings is an index on "
            "(id),"
            ' not an index on (lower((model COLLATE "C")), seen_at, id) for some rows'
        ),
    ),
]


def test_a_fresh_database_has_none(database_settings: Settings) -> None:
    assert find_drift(database_settings) == []


@pytest.mark.parametrize(("statement", "line"), ON_BOTH)
def test_tells_the_difference_on_both(
    database_settings: Settings, statement: str, line: str
) -> None:
    assert line in _drift_after(database_settings, statement)


@pytest.mark.parametrize(("statement", "line"), ON_SQLITE)
def test_tells_the_difference_on_sqlite(
    sqlite_settings: Settings, statement: str, line: str
) -> None:
    table = "listing_keys"
    before = [f"DROP TABLE {table}"] if "{table}" in statement else []
    assert line in _drift_after(sqlite_settings, *before, statement.format(table=table))


@pytest.mark.parametrize(("statement", "line"), ON_POSTGRESQL)
def test_tells_the_difference_on_postgresql(
    postgres_settings: Settings, statement: str, line: str
) -> None:
    assert line in _drift_after(postgres_settings, *statement.split(";"))


@pytest.mark.parametrize(("statement", "part"), INDEXES)
def test_tells_how_an_index_differs(database_settings: Settings, statement: str, part: str) -> None:
    name = "scored_listings_by_import"
    cascade = "" if database_settings.database_url is None else " CASCADE"
    lines = _drift_after(
        database_settings, f"DROP INDEX {name}{cascade}", statement.format(name=name)
    )
    (line,) = [line for line in lines if "does not refer to scored_listings" not in line]
    assert line.startswith(f"archive: index {name} of scored_listings is a")
    assert part in line


def test_tells_a_collation_that_is_gone(sqlite_settings: Settings) -> None:
    changed = "replace(sql, 'seller TEXT COLLATE NOCASE', 'seller TEXT')"
    lines = _drift_after(
        sqlite_settings,
        "PRAGMA writable_schema = 1",
        f"UPDATE sqlite_master SET sql = {changed} WHERE name = 'scored_listings'",
    )
    assert lines == ["archive: the collation of scored_listings.seller is BINARY, not NOCASE"]


def test_tells_a_view_that_can_not_be_read(sqlite_settings: Settings) -> None:
    lines = _drift_after(
        sqlite_settings,
        "DROP VIEW listings",
        "CREATE VIEW listings AS SELECT no_such_column FROM scored_listings",
    )
    assert lines == ["archive: view listings can't be read"]


def test_tells_a_reference_that_is_too_much(sqlite_settings: Settings) -> None:
    lines = _drift_after(
        sqlite_settings,
        "DROP TABLE listing_keys",
        "CREATE TABLE listing_keys (listing_id BLOB NOT NULL PRIMARY KEY,"
        " current_event_id INTEGER REFERENCES scored_listings (id), first_event_id INTEGER NOT "
        "NULL)",
    )
    assert lines == ["archive: column listing_keys.current_event_id refers to scored_listings.id"]


def test_tells_databases_that_are_missing(empty_sqlite_settings: Settings) -> None:
    assert find_drift(empty_sqlite_settings) == [
        "archive: there is no database gpu.sqlite yet",
        "registry: there is no database gpu.registry.sqlite yet",
    ]
    assert not empty_sqlite_settings.data_dir.exists()


def test_strangers_beside_it_in_a_postgresql_database_are_no_drift(
    postgres_settings: Settings,
) -> None:
    assert _drift_after(postgres_settings, "CREATE TABLE mine (id INTEGER)") == []


def _drift_after(settings: Settings, *statements: str) -> list[str]:
    database = open_for_migration(settings, settings.archive_path)
    with database.connection_context():
        for statement in statements:
            database.execute_sql(statement)
    return find_drift(settings)
