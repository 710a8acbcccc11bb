"""Changes of a job's row, as long as it is what the caller knows."""

from collections.abc import Mapping, Sequence
from typing import Any

from peewee import SQL, Database, Node, fn

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.archive_models import ROLLBACK, ImportBatch
from glyphd.db.compiled import compiled, given
from glyphd.db.dialects import is_sqlite
from glyphd.db.registry_models import Job
from glyphd.importing.claims import Claim, ClaimLost
from glyphd.importing.job_queries import IMPORT


def change_job(
    database: Database,
    job: Job,
    values: Mapping[str, Any],
    attempt: int,
    status: str = ImportStatus.RUNNING,
    *,
    is_written: bool = False,
) -> bool:
    """Changes the job's row in the caller's transaction; False if it has another attempt or status
    than these, or if its batch should be in the archive (`is_written`) and is not."""
    (changing,) = _changing(database, tuple(values), job.kind if is_written else None)
    expected = {"its_id": job.id, "its_import_id": job.import_id}
    expected |= {"its_status": status, "its_attempt": attempt}
    return bool(changing.execute(database, **values, **expected).rowcount == 1)


def change_claimed(
    database: Database, claim: Claim, values: Mapping[str, Any], *, is_written: bool = False
) -> None:
    """The same for the row of a claimed job. Raises ClaimLost if another attempt has begun."""
    job = claim.job
    if not change_job(database, job, values, claim.attempt, is_written=is_written):
        raise ClaimLost(f"job {job.id} is no longer run by attempt {claim.attempt}")


@compiled
def _changing(database: Database, names: Sequence[str], written: str | None) -> list[Node]:
    """The update of these columns of a job's row, as long as it is the expected one. After an
    asynchronous failover the number may belong to another job."""
    expected = (
        (Job.id == given("its_id"))
        & (Job.import_id == given("its_import_id"))
        & (Job.status == given("its_status"))
        & (Job.attempt == given("its_attempt"))
    )
    if written is not None:
        expected &= _is_in_archive(database, written)
    return [Job.update({name: given(name) for name in names}).where(expected)]


def _is_in_archive(database: Database, kind: str) -> Any:
    """The condition that the batch of a job of this kind is in the archive, if archive and registry
    share a database.

    An asynchronous failover may lose the batch, and the outcome would then be recorded on the new
    primary, which has none. On SQLite the archive is another file.
    """
    if is_sqlite(database):
        return True
    written = ImportBatch.import_id == given("its_import_id")
    if kind != IMPORT:
        written &= ImportBatch.rolled_back_at.is_null(kind != ROLLBACK)
    return fn.EXISTS(ImportBatch.select(SQL("1")).where(written))
