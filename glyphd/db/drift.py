"""Where a live database has drifted from the Peewee models: one human line for each difference."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from peewee import (
    Database,
    DatabaseError,
    Field,
    ForeignKeyField,
    IndexMetadata,
    Model,
    Node,
    Ordering,
)

from glyphd.db.archive_models import (
    ARCHIVE_MODELS,
    EVENT_REFERENCE,
    IS_CURRENT,
    REFER_TO_EVENTS,
    ScoredListing,
)
from glyphd.db.dialects import is_sqlite
from glyphd.db.fields import CaselessTextField
from glyphd.db.migration_sets import ARCHIVE, REGISTRY, MigrationSet, open_to_look
from glyphd.db.order_models import POSTGRESQL_INDEXES, SQLITE_MODELS
from glyphd.db.registry_models import REGISTRY_MODELS
from glyphd.errors import NotReady
from glyphd.settings import Settings

VIEWS = {
    ARCHIVE: ("change_timeline", "gpu_listings", "listings", "model_timeline", "timeline"),
    REGISTRY: (),
}
MODELS: dict[MigrationSet, tuple[type[Model], ...]] = {
    ARCHIVE: ARCHIVE_MODELS,
    REGISTRY: REGISTRY_MODELS,
}

_POSTGRESQL_TYPES = {
    "AUTO": "integer",
    "BIGINT": "bigint",
    "BLOB": "bytea",
    "BOOL": "boolean",
    "DOUBLE": "double precision",
    "INT": "integer",
    "SMALLINT": "smallint",
    "TEXT": "text",
}
_SQLITE_TYPES = dict.fromkeys(_POSTGRESQL_TYPES, "INTEGER") | {
    "BLOB": "BLOB",
    "DOUBLE": "REAL",
    "TEXT": "TEXT",
}


@dataclass(frozen=True)
class IndexShape:
    """What is compared of an index: the same words for both databases, so far as they agree."""

    columns: tuple[str, ...]
    unique: bool
    partial: bool

    def __str__(self) -> str:
        kind = f"{'a unique' if self.unique else 'an'} index"
        return f"{kind} on ({', '.join(self.columns)}){' for some rows' if self.partial else ''}"


class Reference(NamedTuple):
    """What columns refer to, each side's names separated by commas."""

    columns: str
    table: str
    target: str


def find_drift(settings: Settings) -> list[str]:
    """The differences between the databases and this version's models, none when all is well.
    Changes nothing."""
    lines = []
    for steps in (ARCHIVE, REGISTRY):
        try:
            with open_to_look(settings, steps) as database:
                lines += [f"{steps.name}: {line}" for line in _drift_of(database, steps)]
        except NotReady as error:
            lines.append(f"{steps.name}: {error.detail}")
    return lines


def _drift_of(database: Database, steps: MigrationSet) -> Iterator[str]:
    models = {model._meta.table_name: model for model in _models(database, steps)}
    found = set(database.get_tables())
    for table in sorted(models.keys() - found):
        yield f"table {table} is missing"
    for table in sorted(_unexpected(database, steps, found)):
        yield f"table {table} is not one of glyphd's"
    for table in sorted(models.keys() & found):
        yield from _column_drift(database, models[table])
        yield from _index_drift(database, models[table])
        yield from _reference_drift(database, models[table])
    yield from _view_drift(database, VIEWS[steps])
    if steps is ARCHIVE and "schema_version" in found:
        yield from _version_drift(database)


def _models(database: Database, steps: MigrationSet) -> tuple[type[Model], ...]:
    return (*MODELS[steps], *(SQLITE_MODELS if steps is ARCHIVE and is_sqlite(database) else ()))


def _unexpected(database: Database, steps: MigrationSet, found: Iterable[str]) -> set[str]:
    """On PostgreSQL archive, registry and queue share a database, maybe with others: no table is a
    stranger there."""
    if not is_sqlite(database):
        return set()
    known = {model._meta.table_name for model in _models(database, steps)} | {steps.history_table}
    return {table for table in found if table not in known and not table.startswith("sqlite_")}


def _column_drift(database: Database, model: type[Model]) -> Iterator[str]:
    table = model._meta.table_name
    types = _SQLITE_TYPES if is_sqlite(database) else _POSTGRESQL_TYPES
    found = {column.name: column for column in database.get_columns(table)}
    for name in sorted(found.keys() - model._meta.columns.keys()):
        yield f"column {table}.{name} is not one of glyphd's"
    for name, field in model._meta.columns.items():
        if name not in found:
            yield f"column {table}.{name} is missing"
            continue
        wanted = types[_stored_type(field)]
        if found[name].data_type.lower() != wanted.lower():
            yield f"column {table}.{name} is {found[name].data_type}, not {wanted}"
        if found[name].null != field.null:
            yield f"column {table}.{name} may {'' if found[name].null else 'not '}be null"
    yield from _key_drift(database, model)
    yield from _collation_drift(database, model, found.keys())


def _stored_type(field: Field) -> str:
    stored = field.rel_field if isinstance(field, ForeignKeyField) else field
    return str(stored.field_type)


def _key_drift(database: Database, model: type[Model]) -> Iterator[str]:
    wanted = [field.column_name for field in model._meta.get_primary_keys()]
    found = database.get_primary_keys(model._meta.table_name)
    if list(found) != wanted:
        yield (
            f"the key of {model._meta.table_name} is ({', '.join(found)}), not "
            f"({', '.join(wanted)})"
        )


def _collation_drift(database: Database, model: type[Model], found: Iterable[str]) -> Iterator[str]:
    """Text sorts by its bytes, and caseless text ignores ASCII case, on either database."""
    table = model._meta.table_name
    collations = (
        _sqlite_collations(database, table)
        if is_sqlite(database)
        else _postgresql_collations(database, table)
    )
    for name in found:
        field = model._meta.columns.get(name)
        if field is None or _stored_type(field) != "TEXT":
            continue
        wanted = "C"
        if is_sqlite(database):
            wanted = "NOCASE" if isinstance(field, CaselessTextField) else "BINARY"
        if collations[name] != wanted:
            yield f"column {table}.{name} compares by {collations[name]}, not {wanted}"


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


def _index_drift(database: Database, model: type[Model]) -> Iterator[str]:
    table = model._meta.table_name
    alone = POSTGRESQL_INDEXES if model is ScoredListing and not is_sqlite(database) else ()
    indexes = (*model._meta.fields_to_index(), *alone)
    wanted = {index._name: _wanted_shape(database, index) for index in indexes}
    found = {
        index.name: _found_shape(index)
        for index in database.get_indexes(table)
        if not _is_key(index, table)
    }
    for name in sorted(wanted.keys() - found.keys()):
        yield f"index {name} of {table} is missing"
    for name in sorted(found.keys() - wanted.keys()):
        yield f"index {name} of {table} is not one of glyphd's"
    for name in sorted(wanted.keys() & found.keys()):
        if found[name] != wanted[name]:
            yield f"index {name} of {table} is {found[name]}, not {wanted[name]}"


def _is_key(index: IndexMetadata, table: str) -> bool:
    return str(index.name).startswith((f"{table}_pkey", "sqlite_autoindex_"))


def _wanted_shape(database: Database, index: Any) -> IndexShape:
    terms = [_term(database, node) for node in index._expressions]
    if index._where is IS_CURRENT and not is_sqlite(database):
        terms.append("id")
    return IndexShape(tuple(terms), bool(index._unique), index._where is not None)


def _term(database: Database, node: Node) -> str:
    if isinstance(node, Ordering):
        return f"{_term(database, node.node)} {node.direction}"
    assert isinstance(node, Field)
    if isinstance(node, CaselessTextField) and not is_sqlite(database):
        return f'lower(({node.column_name} COLLATE "C"))'
    return str(node.column_name)


def _found_shape(index: IndexMetadata) -> IndexShape:
    """Read from the statement of the index: neither database has all of it in its catalogue."""
    head, where, _ = index.sql.partition(" WHERE ")
    terms = head[head.index("(") + 1 : head.rindex(")")].split(",")
    return IndexShape(tuple(term.strip() for term in terms), index.unique, bool(where))


def references_of(model: type[Model]) -> set[Reference]:
    """What the model's columns refer to."""
    references = {
        Reference(field.column_name, field.rel_model._meta.table_name, field.rel_field.column_name)
        for field in model._meta.refs
    }
    if model in REFER_TO_EVENTS:
        names = ", ".join(EVENT_REFERENCE)
        references.add(Reference(names, ScoredListing._meta.table_name, names))
    return references


def _reference_drift(database: Database, model: type[Model]) -> Iterator[str]:
    table, wanted = model._meta.table_name, references_of(model)
    found = (
        _sqlite_references(database, table)
        if is_sqlite(database)
        else _postgresql_references(database, table)
    )
    for missing in sorted(wanted - found):
        yield f"column {table}.{missing.columns} does not refer to {missing.table}.{missing.target}"
    for extra in sorted(found - wanted):
        yield f"column {table}.{extra.columns} refers to {extra.table}.{extra.target}"


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


def _view_drift(database: Database, views: Iterable[str]) -> Iterator[str]:
    found = {view.name for view in database.get_views()}
    for view in views:
        if view not in found:
            yield f"view {view} is missing"
        elif not _can_be_read(database, view):
            yield f"view {view} can't be read"


def _can_be_read(database: Database, view: str) -> bool:
    """SQLite lets a column go that a view needs, and says so only when the view is asked."""
    try:
        database.execute_sql(f"SELECT * FROM {view} LIMIT 0")
    except DatabaseError:
        return False
    return True


def _version_drift(database: Database) -> Iterator[str]:
    rows = database.execute_sql(
        "SELECT version, name FROM schema_version ORDER BY version"
    ).fetchall()
    versions, history = [name for _, name in rows], ARCHIVE.applied_in(database)
    if versions != history:
        yield (
            f"schema_version says {_listed(versions)}, {ARCHIVE.history_table} says "
            f"{_listed(history)}"
        )
    elif [number for number, _ in rows] != [*range(1, len(rows) + 1)]:
        yield f"schema_version numbers its steps {_listed([str(number) for number, _ in rows])}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing"
