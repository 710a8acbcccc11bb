"""The archive's own clock: its times only increase, even if the machine's clock is set back."""

from datetime import timedelta

from peewee import Database, Node, fn

from glyphd.db.archive_models import BatchChange, ImportBatch
from glyphd.db.compiled import compiled
from glyphd.times import now_text, read_stored, text_after, utc_text

LEEWAY = timedelta(hours=24)
"""A time that is further in the future means a wrong clock or a wrong year."""


def next_moment(database: Database) -> str:
    """Now, or one microsecond after the latest import or change. Call it in an
    `exclusive_write`."""
    latest = last_moment(database)
    return max(now_text(), text_after(latest)) if latest else now_text()


def last_moment(database: Database) -> str:
    """The time of the archive's latest import or change; empty if there is none."""
    return max(query.execute(database).fetchone()[0] or "" for query in _last(database))


@compiled
def _last(database: Database) -> list[Node]:
    return [
        ImportBatch.select(fn.MAX(ImportBatch.imported_at)),
        BatchChange.select(fn.MAX(BatchChange.changed_at)),
    ]


def latest_seen_at(archive_moment: str, received_at: str) -> str:
    """The latest allowed `seen_at`: 24 hours after the upload was received, or after the archive's
    latest import if its clock was ahead."""
    return utc_text(read_stored(max(received_at, archive_moment)) + LEEWAY)
