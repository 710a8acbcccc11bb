"""The stage's temporary tables, and the views that join its rows with their groups."""

from collections.abc import Iterable, Iterator

from peewee import SQL, Database, Table

from glyphd.contracts.columns import STORED_COLUMNS
from glyphd.db.archive_models import ScoredListing
from glyphd.db.compiled import Compiled, compiled
from glyphd.db.dialects import is_sqlite, uncommitted
from glyphd.db.fields import CaselessTextField
from glyphd.storage import grouping, staged_models, summarizing

TABLE = "staged_rows"
VIEWS = ("staged_ids", "staged_listings")
PLACE_COLUMNS = ("import_index", "line", "byte_offset", "byte_length")
GROUP_COLUMNS = ("ordinal", "group_size", "observed_at", "standing")
STAGED_COLUMNS = (*PLACE_COLUMNS, "listing_id", *GROUP_COLUMNS, *STORED_COLUMNS)
_ALONE = {
    "ordinal": "1",
    "group_size": "1",
    "observed_at": "CAST(NULL AS TEXT)",
    "standing": "0",
    "is_several": "0",
    "word_index": "rows.import_index",
    "anchor_index": "CAST(NULL AS BIGINT)",
}
"""The values of a row whose identity no other row has."""

_GROUPED = {
    "listing_id": "COALESCE(groups.listing_id, rows.listing_id)",
    "ordinal": "COALESCE(groups.ordinal, 1)",
    "group_size": "COALESCE(groups.group_size, 1)",
    "observed_at": "groups.observed_at",
    "standing": "COALESCE(groups.standing, 0)",
    "is_several": "COALESCE(groups.is_several, 0)",
    "word_index": "COALESCE(groups.word_index, rows.import_index)",
    "anchor_index": "groups.anchor_index",
}

PREDECESSOR_TABLES = {
    "staged_keys": """
        import_index {integer} PRIMARY KEY, first_event_id {integer}, event_id {integer},
        is_grouped {integer}""",
    "staged_predecessors": """
        import_index {integer} PRIMARY KEY, first_event_id {integer}, event_id {integer},
        needs_renewal {integer}, is_late {integer}, is_gone {integer}, is_indistinct {integer},
        is_compared {integer}, change_step {integer}, price_usd {real}, score {real}, model {text},
        seen_at {text}""",
}
"""Filled when the stage is prepared; see `predecessors`."""

TIMED_COLUMNS = (
    "seen_at",
    "event_id",
    "model",
    "region",
    "is_current",
    "change_step",
    "score",
    "price_usd",
)
ORDER_TABLES = {"timed_events": """
        place {integer} PRIMARY KEY, seen_at {text}, event_id {integer},
        model TEXT COLLATE NOCASE, region TEXT COLLATE NOCASE, is_current {integer},
        change_step {integer}, score {real}, price_usd {real}"""}
"""These tables exist only on SQLite; see `derived.orders`."""

_SQLITE_TYPES = {
    "integer": "INTEGER",
    "serial": "INTEGER",
    "real": "REAL",
    "blob": "BLOB",
    "text": "TEXT",
}
_POSTGRES_TYPES = {
    "integer": "BIGINT",
    "serial": "BIGSERIAL",
    "real": "DOUBLE PRECISION",
    "blob": "BYTEA",
    "text": 'TEXT COLLATE "C"',
}

_SMALL_MARK = 1
"""The version of the temporary schema if its tables are those of a stage for few rows."""

_IDS = "SELECT listing_id, import_index, standing FROM"
_ORDER_IDS = f"INSERT INTO ordered_ids {_IDS} staged_listings ORDER BY listing_id, import_index"

staged = Table("staged_listings")
"""The rows of a complete stage: each has STAGED_COLUMNS and `is_several`, `word_index` and
`anchor_index` of its group; see `grouping`."""

staged_ids = Table("staged_ids")
"""`listing_id`, `import_index` and `standing` of each of them, in the order of their listings. Ids
are random: if each were looked up in the order of the file, its page would be in no cache."""


def create_tables(database: Database) -> None:
    """Creates the empty tables, in place of those of an earlier stage on the connection."""
    _execute(database, [*_dropping(database), *_creating(database)])
    _mark(database, 0)


def drop_tables(database: Database) -> None:
    _execute(database, _dropping(database))


def empty_prepared(database: Database) -> None:
    """Empties the tables that are filled when a stage is prepared."""
    _execute(database, _emptying_prepared(database))


def prepare_small(database: Database) -> None:
    """Makes the tables and views of a stage for few rows on a SQLite connection, empty; those of
    the last one are used again.

    After a change of the temporary schema SQLite prepares every statement again, which takes longer
    than executing them for few rows.
    """
    (mark,) = database.execute_sql("PRAGMA temp.user_version").fetchone()
    if mark == _SMALL_MARK:
        with uncommitted(database):
            _execute(database, _emptying(database))
        return
    create_tables(database)
    create_views(database, is_grouped=True)
    create_index(database)
    _mark(database, _SMALL_MARK)


def _mark(database: Database, mark: int) -> None:
    if is_sqlite(database):
        database.execute_sql(f"PRAGMA temp.user_version = {mark}")


def create_index(database: Database) -> None:
    """For the look-ups that complete the stage."""
    database.execute_sql(f"CREATE INDEX {TABLE}_by_listing ON {TABLE} (listing_id)")


def create_views(database: Database, *, is_grouped: bool) -> None:
    """Makes `staged` and `staged_ids`. The stage may have groups only if it `is_grouped`."""
    _execute(database, _viewing(database, is_grouped))


def order_ids(database: Database) -> None:
    """Sorts the ids of a grouped stage, of which `staged_ids` consists."""
    database.execute_sql(_ORDER_IDS)


def _execute(database: Database, statements: Iterable[Compiled]) -> None:
    for statement in statements:
        statement.execute(database)


def _tables(database: Database) -> dict[str, str]:
    """The columns of each table. The stage has the types of the events' own ones; its rows follow
    each other by `import_index`."""
    types = database.get_context_options()["field_types"]
    columns = []
    for name in (*PLACE_COLUMNS, "listing_id", *STORED_COLUMNS):
        field = ScoredListing._meta.columns[name]
        kind = types.get(field.field_type, field.field_type)
        if name == "import_index":
            kind += " PRIMARY KEY"
        elif kind == "TEXT":
            is_caseless = is_sqlite(database) and isinstance(field, CaselessTextField)
            kind = "TEXT COLLATE NOCASE" if is_caseless else "{text}"
        columns.append(f"{name} {kind}")
    return {
        TABLE: ", ".join(columns),
        **grouping.TABLES,
        **staged_models.TABLES,
        **summarizing.TABLES,
        **PREDECESSOR_TABLES,
        **(ORDER_TABLES if is_sqlite(database) else {}),
    }


@compiled
def _creating(database: Database) -> Iterator[SQL]:
    types = _SQLITE_TYPES if is_sqlite(database) else _POSTGRES_TYPES
    for table, columns in _tables(database).items():
        keyed = " WITHOUT ROWID" if is_sqlite(database) and "PRIMARY KEY (" in columns else ""
        yield SQL(f"CREATE TEMPORARY TABLE {table} ({columns.format_map(types)}){keyed}")


@compiled
def _dropping(database: Database) -> Iterator[SQL]:
    for view in VIEWS:
        yield SQL(f"DROP VIEW IF EXISTS {view}")
    for table in _tables(database):
        yield SQL(f"DROP TABLE IF EXISTS {table}")


@compiled
def _emptying(database: Database) -> Iterator[SQL]:
    for table in _tables(database):
        yield SQL(f"DELETE FROM {table}")


@compiled
def _emptying_prepared(database: Database) -> Iterator[SQL]:
    on_sqlite = is_sqlite(database)
    emptying = "DELETE FROM" if on_sqlite else "TRUNCATE"
    for table in (*PREDECESSOR_TABLES, *(ORDER_TABLES if on_sqlite else ())):
        yield SQL(f"{emptying} {table}")


@compiled
def _viewing(database: Database, is_grouped: bool) -> Iterator[SQL]:
    """The statements that make `staged` and `staged_ids`. Rows with all columns are never written
    to the stage again: joining them with their groups while reading takes a fraction of that
    time."""
    given = {name: f"rows.{name}" for name in STAGED_COLUMNS} | (_GROUPED if is_grouped else _ALONE)
    columns = ", ".join(f"{value} AS {name}" for name, value in given.items())
    source = f"{TABLE} AS rows"
    if is_grouped:
        source += " LEFT JOIN staged_groups AS groups ON groups.import_index = rows.import_index"
    yield SQL(f"CREATE TEMPORARY VIEW staged_listings AS SELECT {columns} FROM {source}")
    ordered = "ordered_ids" if is_grouped else "staged_listings"
    yield SQL(f"CREATE TEMPORARY VIEW staged_ids AS {_IDS} {ordered}")
