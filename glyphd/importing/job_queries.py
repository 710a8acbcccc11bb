"""Read-only queries for jobs in the registry, and the connection that they share."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import local
from typing import Any

from peewee import SQL, Case, Database, Node, Star, fn

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.compiled import compiled, given
from glyphd.db.registry_models import Job
from glyphd.errors import ImportNotFound
from glyphd.importing.import_filters import conditions

IMPORT = "import"
"""The kind of a job that imports an upload; the others roll an import back or restore it."""

IS_CHANGE = Job.kind.in_(SQL("('rollback', 'restore')"))
"""Spelled as in the index of unfinished jobs."""

_IN_ARCHIVE = (
    Job.kind == IMPORT,
    Job.status == ImportStatus.SUCCEEDED,
    Job.dry_run == False,  # noqa: E712  # an expression of Peewee's
)
COUNTS = (*_IN_ARCHIVE, Job.rolled_back_at.is_null())
"""Conditions on an import whose rows are part of the market."""
IS_WAITING = Job.status.in_(SQL("('queued', 'running')"))
"""Spelled as in the indexes of imports, which SQLite would not use for parameters."""


class _Block(local):
    """The exit stack of this thread's `one_connection`, if it is in one."""

    ending: ExitStack | None = None


class JobQueries:
    """Finds, lists and counts jobs. Each method is one query and changes nothing."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._block = _Block()

    def find_import(self, import_id: str) -> Job | None:
        with self.connected():
            return self._one((Job.import_id == import_id) & (Job.kind == IMPORT))

    def pending_change(self, import_id: str) -> Job | None:
        """The rollback or restore of this import that has not ended."""
        with self.connected():
            return self._one((Job.import_id == import_id) & (Job.kind != IMPORT) & IS_WAITING)

    def changes(self) -> list[Job]:
        """Every completed rollback and restore, in the order of the requests."""
        query = (
            Job.select()
            .where(Job.kind != IMPORT, Job.status == ImportStatus.SUCCEEDED)
            .order_by(Job.id)
        )
        with self.connected():
            return list(query.bind(self.database))

    def changes_among(self, imports: Sequence[Job]) -> dict[str, list[Job]]:
        """The rollbacks and restores of these imports, finished or not, the latest first."""
        ids = [job.import_id for job in imports]
        query = Job.select().where(IS_CHANGE, Job.import_id.in_(ids)).order_by(Job.id.desc())
        found: dict[str, list[Job]] = {}
        with self.connected():
            for change in query.bind(self.database) if ids else ():
                found.setdefault(change.import_id, []).append(change)
        return found

    def import_ids(self) -> set[str]:
        """The ids of all imports."""
        query = Job.select(Job.import_id).where(Job.kind == IMPORT)
        with self.connected():
            return {row[0] for row in self.database.execute(query)}

    def find_key(self, key: str) -> Job | None:
        """The import with this idempotency key."""
        with self.connected():
            return self._one(Job.idempotency_key == key)

    def job(self, job_id: int) -> Job | None:
        with self.connected():
            return self._one(Job.id == job_id)

    def imports(
        self, wanted: Mapping[str, Any], *, before: int | None = None, limit: int
    ) -> list[Job]:
        """Matching imports, newest first; only those older than the job `before`."""
        query = self._imports(wanted).order_by(Job.id.desc()).limit(limit)
        if before is not None:
            query = query.where(Job.id < before)
        with self.connected():
            return list(query.bind(self.database))

    def count_imports(self, wanted: Mapping[str, Any]) -> int:
        with self.connected():
            return int(self._imports(wanted).bind(self.database).count())

    def unfinished(self, after: int = 0, limit: int | None = None) -> list[Job]:
        """Unfinished jobs, oldest first; only those that follow the job `after`."""
        query = Job.select().where(IS_WAITING, Job.id > after).order_by(Job.id).limit(limit)
        with self.connected():
            return list(query.bind(self.database))

    def count_unfinished(self, before: Job | None = None) -> int:
        """How many jobs this one, or a new one, must wait for."""
        (counting,) = _counting_unfinished(self.database, before is None)
        with self.connected():
            last = {} if before is None else {"before": before.id}
            return int(counting.execute(self.database, **last).fetchone()[0])

    def is_unfinished(self, job_id: int) -> bool:
        """Whether the job waits or runs."""
        (finding,) = _finding_unfinished(self.database)
        with self.connected():
            return finding.execute(self.database, job_id=job_id).fetchone() is not None

    def resting(self) -> list[str | None]:
        """The reasons of interrupted jobs, oldest job first; None for one without a recorded
        reason."""
        reason = Case(None, [(Job.kind == IMPORT, Job.reason)])
        query = Job.select(reason).where(IS_WAITING, ~Job.not_before.is_null()).order_by(Job.id)
        with self.connected():
            return [row[0] for row in self.database.execute(query)]

    def succeeded(self) -> list[str]:
        """The ids of all imports that should be in the archive, oldest first."""
        query = Job.select(Job.import_id).where(*_IN_ARCHIVE).order_by(Job.id)
        with self.connected():
            return [row[0] for row in self.database.execute(query)]

    def has_imported_since(self, moment: str) -> bool:
        """Whether an import has succeeded since then."""
        query = Job.select().where(Job.finished_at > moment, *_IN_ARCHIVE)
        with self.connected():
            return bool(query.bind(self.database).exists())

    def all_jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        with self.connected():
            return list(Job.select().order_by(Job.id).bind(self.database))

    def timeline(self) -> list[Job]:
        """Everything that was written to the archive, in order: imports with rows, rollbacks and
        restores."""
        in_archive = (Job.status == ImportStatus.SUCCEEDED) & ~Job.dry_run
        moment = fn.COALESCE(Job.imported_at, Job.finished_at)
        with self.connected():
            return list(Job.select().where(in_archive).order_by(moment, Job.id).bind(self.database))

    def latest_with_bytes(self, sha256: str) -> str | None:
        """The latest import of exactly these bytes that succeeded and still counts."""
        query = (
            Job.select(Job.import_id)
            .where(Job.sha256 == sha256, *COUNTS)
            .order_by(Job.id.desc())
            .limit(1)
        )
        with self.connected():
            row = self.database.execute(query).fetchone()
        return row[0] if row else None

    def is_cancel_requested(self, job_id: int) -> bool:
        (finding,) = _finding_cancellation(self.database)
        with self.connected():
            return finding.execute(self.database, job_id=job_id).fetchone() is not None

    def _imports(self, wanted: Mapping[str, Any]) -> Any:
        return Job.select().where(Job.kind == IMPORT, *conditions(self.database, wanted))

    def _one(self, where: Any) -> Job | None:
        # Peewee takes longer for the names of all columns than the database for the row.
        found: Job | None = Job.select(Star(Job)).where(where).bind(self.database).first()
        return found

    @contextmanager
    def one_connection(self) -> Iterator[None]:
        """All queries of this thread in the block use one connection, opened when it is first
        needed."""
        with ExitStack() as ending:
            self._block.ending = ending
            ending.callback(setattr, self._block, "ending", None)
            yield

    @contextmanager
    def in_one_transaction(self) -> Iterator[None]:
        """What this thread does in the block takes effect together, or not at all."""
        with self.connected(), self.database.atomic():
            yield

    @contextmanager
    def connected(self) -> Iterator[None]:
        """The thread's connection if it has one, else one until the end of this block or of
        `one_connection`."""
        if self._block.ending is not None and self.database.is_closed():
            self._block.ending.enter_context(self.database.connection_context())
        with self.database.connection_context():
            yield


@compiled
def _counting_unfinished(database: Database, of_all: bool) -> list[Node]:
    unfinished = Job.select(fn.COUNT(SQL("*"))).where(IS_WAITING)
    return [unfinished if of_all else unfinished.where(Job.id < given("before"))]


@compiled
def _finding_unfinished(database: Database) -> list[Node]:
    return [Job.select(Job.id).where(Job.id == given("job_id"), IS_WAITING)]


@compiled
def _finding_cancellation(database: Database) -> list[Node]:
    is_requested = Job.cancel_requested_at.is_null(False)
    return [Job.select(Job.id).where(Job.id == given("job_id"), is_requested)]


def require_import(jobs: JobQueries, import_id: str) -> Job:
    """The import's job. Raises ImportNotFound for an unknown id."""
    job = jobs.find_import(import_id) if "\0" not in import_id else None
    if job is None:
        raise ImportNotFound(f"there is no import {import_id}", import_id=import_id)
    return job
