"""What must be true inside the archive, independent of the files: a function for each rule, a line
for each violation."""

from collections.abc import Callable, Iterator

from peewee import Database, fn

from glyphd.db.archive_models import BatchChange, ImportBatch, ScoredListing
from glyphd.db.dialects import is_sqlite
from glyphd.history.market_summaries import summary_faults
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.derived.event_facts import column_faults


def check_event_ids(archive: Database) -> Iterator[str]:
    """The ids of a batch's events follow those of the previous batch, and decrease from its first
    row to its last."""
    top = ScoredListing.id + ScoredListing.import_index
    bounds = (fn.MIN(ScoredListing.id), fn.MAX(ScoredListing.id), fn.MIN(top), fn.MAX(top))
    of_each = ScoredListing.select(ScoredListing.import_id, *bounds).group_by(
        ScoredListing.import_id
    )
    batches = archive.execute(
        ImportBatch.select(ImportBatch.import_id)
        .where(ImportBatch.record_count > 0)
        .order_by(ImportBatch.id)
    ).fetchall()
    before = 0
    found = archive.execute(of_each.order_by(fn.MIN(ScoredListing.id))).fetchall()
    for (due,), (import_id, lowest, highest, least_top, most_top) in zip(
        batches, found, strict=False
    ):
        if import_id != due or lowest != before + 1 or least_top != most_top:
            yield (
                f"import {import_id}: the ids of its events do not follow those of the previous "
                "import"
            )
            return  # all later ones are wrong too
        before = highest


def check_sequences(archive: Database) -> Iterator[str]:
    """Imports, and changes of them, are numbered in the order of their times; on SQLite without
    gaps."""
    for model, moment in (
        (ImportBatch, ImportBatch.imported_at),
        (BatchChange, BatchChange.changed_at),
    ):
        table = model._meta.table_name
        rows = archive.execute(model.select(model.id, moment).order_by(model.id)).fetchall()
        moments = [str(at) for _, at in rows]
        if moments != sorted(set(moments)):
            yield f"{table}: a later row has an earlier time"
        if is_sqlite(archive) and [number for number, _ in rows] != [*range(1, len(rows) + 1)]:
            yield f"{table}: its rows are not numbered 1, 2, 3 …"


ARCHIVE_CHECKS: tuple[Callable[[Database], Iterator[str]], ...] = (
    check_sequences,
    check_event_ids,
    column_faults,
    *(fact.faults for fact in FACTS),
    summary_faults,
)
"""The rules for the whole archive, checked once after all imports: everything derived from the
events."""
