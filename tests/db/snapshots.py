"""The whole schema of a database as lines of text, for comparisons."""

from collections.abc import Iterable

from glyphd.db.dialects import is_sqlite
from glyphd.db.migration_sets import SETS, MigrationSet, open_to_look
from glyphd.settings import Settings

_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master"
_COLUMNS = """
SELECT 'column', table_name, column_name, ordinal_position::text, data_type, is_nullable,
collation_name,
    column_default, is_identity
FROM information_schema.columns WHERE table_schema = 'public'"""
_INDEXES = "SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
_CONSTRAINTS = """
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace"""
_VIEWS = "SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = 'public'"
_POSTGRESQL = (_COLUMNS, _INDEXES, _CONSTRAINTS, _VIEWS)


def schema_of(settings: Settings, sets: Iterable[MigrationSet] = SETS) -> set[str]:
    """Every table, column, index, constraint and view of archive and registry, or of one of
    them."""
    return {line for steps in sets for line in _lines(settings, steps)}


def _lines(settings: Settings, steps: MigrationSet) -> list[str]:
    with open_to_look(settings, steps) as database:
        queries = (_SQLITE,) if is_sqlite(database) else _POSTGRESQL
        return [repr(row) for query in queries for row in database.execute_sql(query).fetchall()]
