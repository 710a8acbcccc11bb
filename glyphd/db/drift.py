"""Where a live database has drifted from the Peewee models: one readable line for each
difference."""

from collections.abc import Iterable, Iterator
from typing import Any

from peewee import SQL, Database, Field, ForeignKeyField, Model, Node, Ordering

from glyphd.db.archive_models import (
    ARCHIVE_MODELS,
    EVENT_REFERENCE,
    IS_CURRENT,
    REFER_TO_EVENTS,
    ScoredListing,
)
from glyphd.db.catalogue import (
    IndexShape,
    Reference,
    can_be_read,
    collations_in,
    indexes_in,
    references_in,
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
    "BIGAUTO": "bigint",
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


def find_drift(settings: Settings) -> list[str]:
    """The differences between the databases and this version's models. Changes nothing."""
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
    """On PostgreSQL archive, registry and queue share a database, possibly with other programs, so
    no table is reported as unknown there."""
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
    """Text sorts by its bytes, and caseless text ignores ASCII case, on both databases."""
    table = model._meta.table_name
    collations = collations_in(database, table)
    for name in found:
        field = model._meta.columns.get(name)
        if field is None or _stored_type(field) != "TEXT":
            continue
        wanted = "C"
        if is_sqlite(database):
            wanted = "NOCASE" if isinstance(field, CaselessTextField) else "BINARY"
        if collations[name] != wanted:
            yield f"the collation of {table}.{name} is {collations[name]}, not {wanted}"


def _index_drift(database: Database, model: type[Model]) -> Iterator[str]:
    table = model._meta.table_name
    alone = POSTGRESQL_INDEXES if model is ScoredListing and not is_sqlite(database) else ()
    indexes = (*model._meta.fields_to_index(), *alone)
    wanted = {index._name: _wanted_shape(database, index) for index in indexes}
    found = indexes_in(database, table)
    for name in sorted(wanted.keys() - found.keys()):
        yield f"index {name} of {table} is missing"
    for name in sorted(found.keys() - wanted.keys()):
        yield f"index {name} of {table} is not one of glyphd's"
    for name in sorted(wanted.keys() & found.keys()):
        if found[name] != wanted[name]:
            yield f"index {name} of {table} is {found[name]}, not {wanted[name]}"


def _wanted_shape(database: Database, index: Any) -> IndexShape:
    terms = [_term(database, node) for node in index._expressions]
    if index._where is IS_CURRENT and not is_sqlite(database):
        terms.append("id")
    return IndexShape(tuple(terms), bool(index._unique), index._where is not None)


def _term(database: Database, node: Node) -> str:
    if isinstance(node, Ordering):
        return f"{_term(database, node.node)} {node.direction}"
    if isinstance(node, SQL):
        return str(node.sql)
    assert isinstance(node, Field)
    if isinstance(node, CaselessTextField) and not is_sqlite(database):
        return f'lower(({node.column_name} COLLATE "C"))'
    return str(node.column_name)


def references_of(model: type[Model]) -> set[Reference]:
    """The references of the model's columns."""
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
    found = references_in(database, table)
    for missing in sorted(wanted - found):
        yield f"column {table}.{missing.columns} does not refer to {missing.table}.{missing.target}"
    for extra in sorted(found - wanted):
        yield f"column {table}.{extra.columns} refers to {extra.table}.{extra.target}"


def _view_drift(database: Database, views: Iterable[str]) -> Iterator[str]:
    found = {view.name for view in database.get_views()}
    for view in views:
        if view not in found:
            yield f"view {view} is missing"
        elif not can_be_read(database, view):
            yield f"view {view} can't be read"


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
        yield f"schema_version has the step numbers {_listed([str(number) for number, _ in rows])}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing"
