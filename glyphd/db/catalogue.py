"""A database's tables and views as described in its own catalogue, in the same terms for SQLite and
PostgreSQL."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from peewee import Database, DatabaseError, IndexMetadata

from glyphd.db.dialects import is_sqlite


@dataclass(frozen=True)
class IndexShape:
    """The properties of an index that are compared, in the same terms for both databases."""

    columns: tuple[str, ...]
    unique: bool
    partial: bool

    def __str__(self) -> str:
        kind = f"{'a unique' if self.unique else 'an'} index"
        return f"{kind} on ({', '.join(self.columns)}){' for some rows' if self.partial else ''}"


class Reference(NamedTuple):
    """A reference between columns; each side's names are separated by commas."""

    columns: str
    table: str
    target: str


def collations_in(database: Database, table: str) -> dict[str, str]:
    """The collation of each text column, by the column's name."""
    if is_sqlite(database):
        return _sqlite_collations(database, table)
    return _postgresql_collations(database, table)


def _sqlite_collations(database: Database, table: str) -> dict[str, str]:
    """SQLite has a column's collation only in the statement that created the table."""
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
    (statement,) = database.execute_sql(query, (table,)).fetchone()
    caseless = set(re.findall(r'(\w+)"? TEXT COLLATE NOCASE', statement))
    return {
        column.name: "NOCASE" if column.name in caseless else "BINARY"
        for column in database.get_columns(table)
    }


def _postgresql_collations(database: Database, table: str) -> dict[str, str]:
    query = (
        "SELECT column_name, coalesce(collation_name, 'the default') FROM "
        "information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = %s"
    )
    return dict(database.execute_sql(query, (table,)).fetchall())


def indexes_in(database: Database, table: str) -> dict[str, IndexShape]:
    """The table's indexes by name, without those of its keys."""
    return {
        index.name: _found_shape(index)
        for index in database.get_indexes(table)
        if not _is_key(index, table)
    }


def _is_key(index: IndexMetadata, table: str) -> bool:
    return str(index.name).startswith((f"{table}_pkey", "sqlite_autoindex_"))


def _found_shape(index: IndexMetadata) -> IndexShape:
    """Parsed from the statement of the index, because neither database has all of it in its
    catalogue."""
    head, where, _ = index.sql.partition(" WHERE ")
    terms = head[head.index("(") + 1 : head.rindex(")")].split(",")
    return IndexShape(tuple(term.strip() for term in terms), index.unique, bool(where))


def references_in(database: Database, table: str) -> set[Reference]:
    """The references of the table's columns."""
    if is_sqlite(database):
        return _sqlite_references(database, table)
    return _postgresql_references(database, table)


def _sqlite_references(database: Database, table: str) -> set[Reference]:
    found: dict[int, list[tuple[str, str, str]]] = {}
    for number, _, target, column, target_column, *_ in database.execute_sql(
        f"PRAGMA foreign_key_list({table})"
    ):
        found.setdefault(number, []).append((target, column, target_column))
    return {
        Reference(
            ", ".join(pair[1] for pair in pairs), pairs[0][0], ", ".join(pair[2] for pair in pairs)
        )
        for pairs in found.values()
    }


def _postgresql_references(database: Database, table: str) -> set[Reference]:
    query = (
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND "
        "conrelid = %s::regclass"
    )
    definition = re.compile(r"FOREIGN KEY \((.+)\) REFERENCES (\w+)\((.+)\)")
    matches = (
        definition.match(text) for (text,) in database.execute_sql(query, (table,)).fetchall()
    )
    return {Reference(*match.groups()) for match in matches if match}


def can_be_read(database: Database, view: str) -> bool:
    """SQLite drops a column that a view needs, and reports that only when the view is queried."""
    try:
        database.execute_sql(f"SELECT * FROM {view} LIMIT 0")
    except DatabaseError:
        return False
    return True
