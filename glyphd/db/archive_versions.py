"""The state of the archive in one value, by which answers are cached and standbys compared."""

from typing import Any

from peewee import SQL, Database, Node, Select

from glyphd.db.archive_models import BatchChange, ImportBatch
from glyphd.db.compiled import Compiled, compiled
from glyphd.db.connections import once_a_commit


def archive_version(database: Database) -> str:
    """A value that changes whenever an answer from the archive may change."""
    return once_a_commit(database, read_version)


def read_version(database: Database) -> str:
    """Ids of imports are random, so another archive that replaced this one has different ones. The
    times differ if a server lost an import in a failover and it was repeated."""
    return version_of(version_query(database).execute(database).fetchone())


def version_query(database: Database) -> Compiled:
    """Selects one row, without parameters."""
    (query,) = _version_queries(database)
    return query


def version_of(row: Any) -> str:
    return "-".join(str(part) for part in row if part is not None)


@compiled
def _version_queries(_database: Database) -> list[Node]:
    columns = [
        _latest(ImportBatch, ImportBatch.import_id, ImportBatch.imported_at),
        _latest(BatchChange, BatchChange.changed_at),
    ]
    return [Select(columns=columns)]


def _latest(model: Any, *columns: Any) -> Any:
    text = model.id.cast("text")
    for column in columns:
        text = text.concat(SQL("'-'")).concat(column)
    return model.select(text).order_by(model.id.desc()).limit(SQL("1"))
