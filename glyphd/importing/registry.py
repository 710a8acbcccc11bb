"""The registry's questions and answers: jobs by import, claims, and the workers that are alive."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from threading import local
from typing import Any

from peewee import Case, Database, IntegrityError, fn

from glyphd.contracts.import_contracts import UNFINISHED, ImportStatus
from glyphd.db.archive_models import ROLLBACK
from glyphd.db.registry_models import Job, Worker
from glyphd.errors import ImportNotFound
from glyphd.importing.claims import Claim, ClaimLost, rests
from glyphd.importing.import_filters import conditions
from glyphd.times import now_text, utc_text

WORKER_ALIVE_SECONDS = 10
"""A worker sends a heartbeat every two seconds; after this long without one it counts as gone."""

IMPORT = "import"
"""The kind of a job that imports an upload; the others roll an import back or restore it."""

JSON_FINDINGS = ("error_summary", "errors", "ignored_columns", "warnings", "summary", "effect")
FINDINGS = (
    "rows_read",
    "blank_rows",
    "bytes_read",
    "progress",
    "error_count",
    "errors_kept",
    "errors_name",
    *JSON_FINDINGS,
)
"""What is kept of the reading of a file, here and in the result of its batch."""

_IN_ARCHIVE = (
    Job.kind == IMPORT,
    Job.status == ImportStatus.SUCCEEDED,
    Job.dry_run == False,  # noqa: E712  # an expression of Peewee's
)


class KeyTaken(Exception):
    """Another request with the same idempotency key came first."""


class ChangeTaken(Exception):
    """Another change of the same import came first, and has not ended."""


class _Block(local):
    """What ends with the `one_connection` that this thread is in, if it is in one."""

    ending: ExitStack | None = None


class Registry:
    """Reads and writes jobs. Each method is one short transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._block = _Block()

    def add(self, values: dict[str, Any]) -> Job:
        """Records a job and gives its row back, committed.

        Raises KeyTaken when its idempotency key is taken, ChangeTaken when its import is being
        changed already.
        """
        try:
            with self.connected(), self.database.atomic():
                job = self._one(Job.id == self._execute(Job.insert(values)))
                assert job is not None
                return job
        except IntegrityError:
            if values["kind"] != IMPORT:
                raise ChangeTaken from None
            known = self.find_import(values["import_id"])
            if known is not None:
                return known  # a worker has taken its manifest up meanwhile
            if self.find_key(values.get("idempotency_key") or "") is None:
                raise
            raise KeyTaken from None

    def find_import(self, import_id: str) -> Job | None:
        with self.connected():
            return self._one((Job.import_id == import_id) & (Job.kind == IMPORT))

    def pending_change(self, import_id: str) -> Job | None:
        """The rollback or restore of this import that has not ended."""
        with self.connected():
            return self._one(
                (Job.import_id == import_id) & (Job.kind != IMPORT) & Job.status.in_(UNFINISHED)
            )

    def changes(self) -> list[Job]:
        """Every rollback and restore that was carried out, in the order of asking."""
        query = (
            Job.select()
            .where(Job.kind != IMPORT, Job.status == ImportStatus.SUCCEEDED)
            .order_by(Job.id)
        )
        with self.connected():
            return list(query.bind(self.database))

    def note_change(self, claim: Claim, moment: str) -> None:
        """Tells the import's own row since when it is rolled back, or that it counts again."""
        rolled_back_at = moment if claim.job.kind == ROLLBACK else None
        its_import = (Job.import_id == claim.job.import_id) & (Job.kind == IMPORT)
        with self.connected():
            self._execute(Job.update(rolled_back_at=rolled_back_at).where(its_import))

    def import_ids(self) -> set[str]:
        """The ids of all imports there ever were."""
        query = Job.select(Job.import_id).where(Job.kind == IMPORT)
        with self.connected():
            return {row[0] for row in self.database.execute(query)}

    def find_key(self, key: str) -> Job | None:
        """The import that was made with this idempotency key."""
        with self.connected():
            return self._one(Job.idempotency_key == key)

    def job(self, job_id: int) -> Job | None:
        with self.connected():
            return self._one(Job.id == job_id)

    def imports(
        self, wanted: Mapping[str, Any], *, before: int | None = None, limit: int
    ) -> list[Job]:
        """Imports that fit, newest first; only those older than the job `before`."""
        query = self._imports(wanted).order_by(Job.id.desc()).limit(limit)
        if before is not None:
            query = query.where(Job.id < before)
        with self.connected():
            return list(query.bind(self.database))

    def count_imports(self, wanted: Mapping[str, Any]) -> int:
        with self.connected():
            return int(self._imports(wanted).bind(self.database).count())

    def unfinished(self) -> list[Job]:
        """Jobs that some worker still has to do, oldest first."""
        with self.connected():
            return list(
                Job.select().where(Job.status.in_(UNFINISHED)).order_by(Job.id).bind(self.database)
            )

    def count_unfinished(self) -> int:
        """How many jobs a job that comes now would have to wait for."""
        with self.connected():
            return int(Job.select().where(Job.status.in_(UNFINISHED)).bind(self.database).count())

    def resting(self) -> list[str | None]:
        """Why interrupted jobs must run again, oldest job first; None for one without a recorded
        reason."""
        reason = Case(None, [(Job.kind == IMPORT, Job.reason)])
        query = (
            Job.select(reason)
            .where(Job.status.in_(UNFINISHED), ~Job.not_before.is_null())
            .order_by(Job.id)
        )
        with self.connected():
            return [row[0] for row in self.database.execute(query)]

    def succeeded(self) -> list[str]:
        """The ids of all imports that are said to be in the archive, oldest first."""
        query = Job.select(Job.import_id).where(*_IN_ARCHIVE).order_by(Job.id)
        with self.connected():
            return [row[0] for row in self.database.execute(query)]

    def has_imported_since(self, moment: str) -> bool:
        """Whether an import has brought its rows since then."""
        with self.connected():
            return bool(
                Job.select()
                .where(Job.finished_at > moment, *_IN_ARCHIVE)
                .bind(self.database)
                .exists()
            )

    def all_jobs(self) -> list[Job]:
        """Every job there ever was, oldest first."""
        with self.connected():
            return list(Job.select().order_by(Job.id).bind(self.database))

    def timeline(self) -> list[Job]:
        """All that the archive took in, in order: imports that brought rows, rollbacks and
        restores."""
        in_archive = (Job.status == ImportStatus.SUCCEEDED) & ~Job.dry_run
        moment = fn.COALESCE(Job.imported_at, Job.finished_at)
        with self.connected():
            return list(Job.select().where(in_archive).order_by(moment, Job.id).bind(self.database))

    def latest_with_bytes(self, sha256: str) -> str | None:
        """The latest import of these very bytes that succeeded and still counts."""
        query = (
            Job.select(Job.import_id)
            .where(Job.sha256 == sha256, Job.rolled_back_at.is_null(), *_IN_ARCHIVE)
            .order_by(Job.id.desc())
            .limit(1)
        )
        with self.connected():
            row = self.database.execute(query).fetchone()
        return row[0] if row else None

    def claim(self, job_id: int) -> Claim | None:
        """Claims the job for one more attempt; None if it is finished or has to wait, unless to be
        cancelled.

        Only for a process that holds the job's lock: then a job that is still running was lost by
        its owner.
        """
        with self.connected():
            job = self._one(Job.id == job_id)
            if job is None or job.status not in UNFINISHED or rests(job):
                return None
            now = now_text()
            taken = Job.update(
                status=ImportStatus.RUNNING,
                attempt=job.attempt + 1,
                lost_count=job.lost_count + (job.status == ImportStatus.RUNNING),
                started_at=job.started_at or now,
                heartbeat_at=now,
            ).where(Job.id == job_id, Job.status == job.status, Job.attempt == job.attempt)
            if self._execute(taken) != 1:
                return None
            return Claim(self._one(Job.id == job_id) or job, job.attempt + 1)

    def request_cancel(self, job_id: int) -> bool:
        """Notes that the job shall not be done; False when it has ended already."""
        wanted = Job.update(cancel_requested_at=now_text()).where(
            Job.id == job_id, Job.status.in_(UNFINISHED)
        )
        with self.connected():
            return bool(self._execute(wanted) == 1)

    def is_cancel_requested(self, job_id: int) -> bool:
        with self.connected():
            row = self.database.execute(
                Job.select(Job.cancel_requested_at).where(Job.id == job_id)
            ).fetchone()
        return bool(row and row[0])

    def update_claimed(self, claim: Claim, **values: Any) -> None:
        """Changes the job's row, if the claim still holds; raises ClaimLost otherwise."""
        held = (
            (Job.id == claim.job.id)
            & (Job.status == ImportStatus.RUNNING)
            & (Job.attempt == claim.attempt)
        )
        with self.connected():
            if self._execute(Job.update(values).where(held)) != 1:
                raise ClaimLost(f"job {claim.job.id} is no longer run by attempt {claim.attempt}")

    def uncount_lost(self, claim: Claim) -> None:
        """Takes back that the attempt was counted as lost: its lock was, with a connection, but its
        process lives."""
        counted = (Job.id == claim.job.id) & (Job.attempt > claim.attempt) & (Job.lost_count > 0)
        with self.connected():
            self._execute(Job.update(lost_count=Job.lost_count - 1).where(counted))

    def amend(self, job: Job, **values: Any) -> None:
        """Changes what is recorded of a job that has ended: for a rebuild that reads its file by
        other rules."""
        for name, value in values.items():
            setattr(job, name, value)
        with self.connected():
            self._execute(Job.update(values).where(Job.id == job.id))

    def settle_versions(self, before: int, version: int) -> None:
        """From now on every file that came under a row contract before the one is read by the
        other."""
        with self.connected():
            self._execute(Job.update(schema_version=version).where(Job.schema_version < before))

    def mark_nudged(self, job_id: int) -> None:
        with self.connected():
            self._execute(Job.update(nudged_at=now_text()).where(Job.id == job_id))

    def greet(self, worker_id: str, host: str, pid: int) -> None:
        """A worker's heartbeat; the first one makes it known. One that died stays known until a
        check for damage."""
        now = now_text()
        with self.connected(), self.database.atomic():
            if self._execute(Worker.update(heartbeat_at=now).where(Worker.id == worker_id)) == 1:
                return
            self._execute(
                Worker.insert(id=worker_id, host=host, pid=pid, started_at=now, heartbeat_at=now)
            )

    def part(self, worker_id: str) -> None:
        """A worker that ends in order is gone at once."""
        with self.connected():
            self._execute(Worker.delete().where(Worker.id == worker_id))

    def workers_alive(self, host: str | None = None) -> int:
        """How many workers have sent a heartbeat recently; on one host, or anywhere."""
        here = Worker.host == host if host is not None else True
        query = Worker.select(fn.COUNT(Worker.id)).where(is_alive(), here)
        with self.connected():
            return int(self.database.execute(query).fetchone()[0])

    def check_writable(self) -> None:
        """Raises Peewee's error when nothing could be recorded now; changes nothing."""
        with self.connected(), self.database.atomic() as transaction:
            self._execute(Worker.update(pid=Worker.pid).where(Worker.id == ""))
            transaction.rollback()

    def _imports(self, wanted: Mapping[str, Any]) -> Any:
        return Job.select().where(Job.kind == IMPORT, *conditions(self.database, wanted))

    def _one(self, where: Any) -> Job | None:
        found: Job | None = Job.select().where(where).bind(self.database).first()
        return found

    def _execute(self, query: Any) -> Any:
        return query.bind(self.database).execute()

    @contextmanager
    def one_connection(self) -> Iterator[None]:
        """All that this thread asks in the block goes through one connection, opened when it is
        first needed."""
        with ExitStack() as ending:
            self._block.ending = ending
            ending.callback(setattr, self._block, "ending", None)
            yield

    @contextmanager
    def connected(self) -> Iterator[None]:
        """The thread's connection if it has one, else one until the end of this block or of
        `one_connection`."""
        if self._block.ending is not None and self.database.is_closed():
            self._block.ending.enter_context(self.database.connection_context())
        with self.database.connection_context():
            yield


def require_import(registry: Registry, import_id: str) -> Job:
    """The import's job. Raises ImportNotFound for an unknown id."""
    job = registry.find_import(import_id) if "\0" not in import_id else None
    if job is None:
        raise ImportNotFound(f"there is no import {import_id}", import_id=import_id)
    return job


def is_alive() -> Any:
    """The condition that a worker's last heartbeat is recent; one in the future was sent before the
    clock was set."""
    return Worker.heartbeat_at.between(_ago(WORKER_ALIVE_SECONDS), _ago(-WORKER_ALIVE_SECONDS))


def _ago(seconds: float) -> str:
    return utc_text(datetime.now(UTC) - timedelta(seconds=seconds))
