"""The archive's own clock: moments that only ever grow, whatever the machine's clock does."""

from peewee import Database, fn

from glyphd.db.archive_models import BatchChange, ImportBatch
from glyphd.times import now_text, text_after


def next_moment(database: Database) -> str:
    """Now, or one microsecond after the latest import or change. Call it in an `exclusive_write`."""
    latest = last_moment(database)
    return max(now_text(), text_after(latest)) if latest else now_text()


def last_moment(database: Database) -> str:
    """When the archive last took anything in; empty when it never has."""
    queries = (ImportBatch.select(fn.MAX(ImportBatch.imported_at)), BatchChange.select(fn.MAX(BatchChange.changed_at)))
    return max(database.execute(query).fetchone()[0] or "" for query in queries)
