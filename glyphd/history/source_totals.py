"""The totals of each source in the archive: its current listings, and its latest complete file."""

from dataclasses import dataclass

from peewee import SQL, Database, fn

from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.complete_models import CompleteSource
from glyphd.storage.knowledge import present
from glyphd.storage.offers import fold_source
from glyphd.storage.timelines import TIMELINE


@dataclass(frozen=True)
class SourceTotal:
    """`complete_at` is the moment of its latest complete file that counts."""

    current_listings: int
    complete_at: str | None


def source_totals(database: Database) -> dict[str, SourceTotal]:
    """The totals by the folded name of the source. The caller holds the connection."""
    current = (
        ScoredListing.select(ScoredListing.import_id, fn.COUNT(SQL("*")).alias("size"))
        .from_(TIMELINE)
        .where(present(database).is_current())
        .group_by(ScoredListing.import_id)
        .alias("current")
    )
    source = fold_source(ImportBatch.source)
    counts = (
        ImportBatch.select(source, fn.SUM(current.c.size))
        .join(current, on=(current.c.import_id == ImportBatch.import_id))
        .group_by(SQL("1"))
    )
    sizes = {name: int(size) for name, size in database.execute(counts).fetchall()}
    files = CompleteSource.select(CompleteSource.source, CompleteSource.complete_at)
    complete = dict(database.execute(files).fetchall())
    return {
        name: SourceTotal(sizes.get(name, 0), complete.get(name))
        for name in sizes.keys() | complete.keys()
    }
