"""Rollback and restore: an import's events stop counting, or count again. Nothing is deleted."""

from dataclasses import dataclass

from peewee import Database

from glyphd.db.archive_models import RESTORE, ROLLBACK, BatchChange, ImportBatch, ScoredListing
from glyphd.db.dialects import exclusive_write
from glyphd.errors import ImportNotFound
from glyphd.storage.change_moves import find_change_moves, note_market
from glyphd.storage.clock import next_moment
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.derived.renewing import renew
from glyphd.storage.moves import Look


@dataclass(frozen=True)
class Change:
    """One rollback or restore. `changed_at` is given only when an archive is rebuilt."""

    import_id: str
    kind: str
    reason: str | None = None
    changed_at: str | None = None


def change_batch(database: Database, change: Change, *, look: Look | None = None) -> str:
    """Makes the change in one transaction, and returns the moment when it took effect.

    `look` is called in that transaction, after the change is made and the table of moves is filled.

    If the import is already in that state, nothing changes and the moment of the earlier change is
    returned, because the same change may be requested again after a crash. Raises ImportNotFound
    for an import that is not in the archive.
    """
    with exclusive_write(database):
        done = _latest_change(database, change.import_id)
        if (done.kind if done else RESTORE) == change.kind:
            return str(done.changed_at) if done else _imported_at(database, change.import_id)
        _imported_at(database, change.import_id)
        if look is not None:
            note_market(database, change.import_id)
        moment = change.changed_at or next_moment(database)
        values = {"rolled_back_at": moment if change.kind == ROLLBACK else None}
        database.execute(
            ImportBatch.update(values).where(ImportBatch.import_id == change.import_id)
        )
        listings = ScoredListing.select(ScoredListing.first_event_id).where(
            ScoredListing.import_id == change.import_id
        )
        renew(database, listings)
        for fact in FACTS:
            for statement in fact.after_change(database, change.import_id, change.kind):
                database.execute(statement)
        row = BatchChange.insert(
            import_id=change.import_id, kind=change.kind, changed_at=moment, reason=change.reason
        )
        database.execute(row)
        if look is not None:
            find_change_moves(database)
            look(database)
        return moment


def _latest_change(database: Database, import_id: str) -> BatchChange | None:
    query = (
        BatchChange.select()
        .where(BatchChange.import_id == import_id)
        .order_by(BatchChange.id.desc())
    )
    found: BatchChange | None = query.bind(database).first()
    return found


def _imported_at(database: Database, import_id: str) -> str:
    query = ImportBatch.select(ImportBatch.imported_at).where(ImportBatch.import_id == import_id)
    row = database.execute(query).fetchone()
    if row is None:
        raise ImportNotFound(f"the archive has no import {import_id}", import_id=import_id)
    return str(row[0])
