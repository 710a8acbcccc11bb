"""What must be true of every batch, independent of its file: a function for each rule, a line for
each violation."""

from collections.abc import Callable, Iterator
from typing import Any

from peewee import Database, fn

from glyphd.db.archive_models import ROLLBACK, BatchChange, ScoredListing
from glyphd.db.dialects import uncommitted
from glyphd.storage.comparing import MOST
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.row_digests import digest_rows


def check_record_count(archive: Database, batch: Any) -> Iterator[str]:
    """A batch has as many events as its `record_count`."""
    query = ScoredListing.select(fn.COUNT(ScoredListing.id)).where(
        ScoredListing.import_id == batch.import_id
    )
    (count,) = archive.execute(query).fetchone()
    if count != batch.record_count:
        yield f"record_count is {batch.record_count}, but the archive has {count} rows"


def check_batch(archive: Database, batch: Any) -> Iterator[str]:
    """A batch's values for its rows are correct: the first and last model, and the latest
    `seen_at`."""
    models = (
        ScoredListing.select(ScoredListing.model)
        .where(ScoredListing.import_id == batch.import_id)
        .limit(1)
    )
    seen = ScoredListing.select(fn.MAX(ScoredListing.seen_at)).where(
        ScoredListing.import_id == batch.import_id
    )
    due = {
        "first_model": models.order_by(ScoredListing.import_index),
        "last_model": models.order_by(ScoredListing.import_index.desc()),
        "last_seen_at": seen,
    }
    for name, query in due.items():
        (value,) = archive.execute(query).fetchone() or (None,)
        if getattr(batch, name) != value:
            yield f"{name} is {getattr(batch, name)!r}, its events give {value!r}"


def check_versions(archive: Database, batch: Any) -> Iterator[str]:
    """Every event of a batch was read by the batch's version of the row contract."""
    others = ScoredListing.select(ScoredListing.import_index, ScoredListing.schema_version).where(
        ScoredListing.import_id == batch.import_id,
        ScoredListing.schema_version != batch.schema_version,
    )
    for row, version in archive.execute(
        others.order_by(ScoredListing.import_index).limit(MOST)
    ).fetchall():
        yield (
            f"row {row}, schema_version: the event says {version}, the batch says "
            f"{batch.schema_version}"
        )


def check_since_when(archive: Database, batch: Any) -> Iterator[str]:
    """A batch has the time of its latest change if that was a rollback."""
    changes = BatchChange.select(BatchChange.kind, BatchChange.changed_at).where(
        BatchChange.import_id == batch.import_id
    )
    latest = archive.execute(changes.order_by(BatchChange.id.desc()).limit(1)).fetchone()
    due = latest[1] if latest and latest[0] == ROLLBACK else None
    if batch.rolled_back_at != due:
        yield f"rolled_back_at is {batch.rolled_back_at!r}, batch_changes give {due!r}"


def check_digest(archive: Database, batch: Any) -> Iterator[str]:
    """The rows of a batch without a kept file are unchanged: their digest is stored with it."""
    with uncommitted(archive):
        found = digest_rows(archive, batch.import_id)
    if batch.rows_sha256 != found:
        yield (
            f"its rows, or the values of its batch, have the SHA-256 {found}, the batch "
            f"says {batch.rows_sha256}"
        )


def check_no_digest(archive: Database, batch: Any) -> Iterator[str]:
    """A batch with a kept file needs no digest of its rows."""
    if batch.sha256 is not None and batch.rows_sha256 is not None:
        yield f"rows_sha256 is {batch.rows_sha256!r}, though its file is kept"


BATCH_CHECKS: tuple[Callable[[Database, Any], Iterator[str]], ...] = (
    check_record_count,
    check_batch,
    check_versions,
    check_since_when,
    check_no_digest,
    *(fact.faults_of for fact in FACTS),
)
"""What must be true of every batch, with or without a file. Each yields a line for each problem."""
