"""The registry: the life of jobs, from being recorded to being claimed and ended, and the
heartbeats of workers."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from peewee import Database, IntegrityError, Node

from glyphd.contracts.import_contracts import FINAL, UNFINISHED, ImportStatus
from glyphd.db.archive_models import ROLLBACK
from glyphd.db.compiled import compiled
from glyphd.db.registry_models import Job, Worker
from glyphd.db.watch_models import Watch
from glyphd.events.feed import KEPT_DAYS, add_event, is_reported, prune_events
from glyphd.events.reports import report_of_end, report_of_silence, report_of_stall
from glyphd.events.watch_matches import Found, discard_matches, keep_matches, publish_matches
from glyphd.importing.claims import Claim, rests
from glyphd.importing.heartbeats import workers_alive
from glyphd.importing.job_changes import change_claimed, change_job
from glyphd.importing.job_queries import IMPORT, JobQueries
from glyphd.importing.source_states import last_success, source_states
from glyphd.importing.status import is_stalled
from glyphd.times import now_text, utc_now, utc_text

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
"""The findings of reading a file, stored here and in the result of its batch."""


def as_stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Findings as the job's row has them: some of them as JSON."""
    return {
        name: json.dumps(value) if name in JSON_FINDINGS else value
        for name, value in values.items()
    }


class KeyTaken(Exception):
    """Another request with the same idempotency key was faster."""


class ChangeTaken(Exception):
    """Another change of the same import was faster, and has not ended."""


class Registry(JobQueries):
    """Reads and writes jobs. Each method is one short transaction."""

    def add(self, values: dict[str, Any]) -> Job:
        """Records a job and returns its committed row.

        Raises KeyTaken if its idempotency key is in use, ChangeTaken if its import is already being
        changed.
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
                return known  # a worker has meanwhile recovered it from its manifest
            if self.find_key(values.get("idempotency_key") or "") is None:
                raise
            raise KeyTaken from None

    def note_change(self, claim: Claim, moment: str) -> None:
        """Records in the import's own row when it was rolled back, or that it counts again."""
        rolled_back_at = moment if claim.job.kind == ROLLBACK else None
        its_import = (Job.import_id == claim.job.import_id) & (Job.kind == IMPORT)
        with self.connected():
            self._execute(Job.update(rolled_back_at=rolled_back_at).where(its_import))

    def claim(self, job_id: int) -> Claim | None:
        """Claims the job for one more attempt; None if it is finished or must wait, unless it is to
        be cancelled.

        Call it only in a process that holds the job's lock: then a job that is still running has
        lost its worker.
        """
        with self.connected(), self.database.atomic():
            job = self._one(Job.id == job_id)
            return None if job is None else self.take(job)

    def take(self, job: Job) -> Claim | None:
        """The same for a job whose row was read in the caller's transaction."""
        if job.status not in UNFINISHED or rests(job):
            return None
        now = now_text()
        values = {
            "status": ImportStatus.RUNNING,
            "attempt": job.attempt + 1,
            "lost_count": job.lost_count + (job.status == ImportStatus.RUNNING),
            "started_at": job.started_at or now,
            "heartbeat_at": now,
        }
        if not change_job(self.database, job, values, job.attempt, job.status):
            return None
        self._report_stall(job)
        for name, value in values.items():
            setattr(job, name, value)
        return Claim(job, job.attempt)

    def request_cancel(self, job_id: int) -> bool:
        """Records that the job is to be cancelled; False if it has already ended."""
        wanted = Job.update(cancel_requested_at=now_text()).where(
            Job.id == job_id, Job.status.in_(UNFINISHED)
        )
        with self.connected():
            return bool(self._execute(wanted) == 1)

    def update_claimed(self, claim: Claim, **values: Any) -> None:
        """Changes the job's row, if the claim still holds; raises ClaimLost otherwise.

        A final status adds its event to the feed, in the same transaction: no job ends unreported,
        and none is reported twice, since only a running job can end.
        """
        is_written = values.get("status") == ImportStatus.SUCCEEDED and not claim.job.dry_run
        with self.connected(), self.database.atomic():
            change_claimed(self.database, claim, values, is_written=is_written)
            if values.get("status") in FINAL:
                self._report_end(claim.job.id)

    def watches(self) -> list[Watch]:
        """All watches, oldest first."""
        (any_watch,) = _any_watch(self.database)
        with self.connected():
            if any_watch.execute(self.database).fetchone() is None:
                return []
            query = Watch.select().order_by(Watch.created_at, Watch.id)
            return list(query.bind(self.database))

    def keep_matches(self, claim: Claim, found: Sequence[Found]) -> None:
        """Stores what watches found in the claimed job's uncommitted change; it is published with
        the job's outcome. Raises ClaimLost if another attempt has begun."""
        with self.connected(), self.database.atomic():
            change_claimed(self.database, claim, {"attempt": claim.attempt})
            keep_matches(self.database, claim.job, found)

    def report_stalled(self) -> None:
        """Adds an event for each attempt at an import that has sent no heartbeat for too long."""
        for job in self.unfinished():
            if job.kind != IMPORT or not is_stalled(job):
                continue
            with self.connected():
                # Usually all have been reported already, and that check takes no write lock.
                if not is_reported(self.database, report_of_stall(job, now_text())):
                    with self.database.atomic():
                        self._report_stall(self._one(Job.id == job.id) or job)

    def report_silent(self) -> None:
        """Adds an event for each source that has fallen silent, once for each silence.

        A silence is identified by the last success before it. One that began before the oldest kept
        event was reported long ago, even if its event is deleted by now.
        """
        now = utc_now()
        for state in source_states(self, now):
            if state.silent_since is None or state.rhythm is None:
                continue
            if now - state.silent_since > timedelta(days=KEPT_DAYS):
                continue
            last = self.job(state.last_success.job_id)
            assert last is not None
            usual = state.rhythm.usual.total_seconds()
            report = report_of_silence(last, (usual, utc_text(state.silent_since)), now_text())
            with self.connected():
                if is_reported(self.database, report):
                    continue
                with self.database.atomic() as transaction:
                    add_event(self.database, report)
                    # The feed is locked now, so everything that ended before is visible here.
                    if last_success(self, state.source) != state.last_success:
                        transaction.rollback()

    def prune_events(self) -> None:
        """Deletes the events of the feed that are too old to be kept."""
        with self.connected():
            prune_events(self.database)

    def uncount_lost(self, claim: Claim) -> None:
        """Reverts that the attempt was counted as lost: its lock was lost with a connection, but
        its process is alive."""
        counted = (
            (Job.id == claim.job.id)
            & (Job.import_id == claim.job.import_id)
            & (Job.attempt > claim.attempt)
            & (Job.lost_count > 0)
        )
        with self.connected():
            self._execute(Job.update(lost_count=Job.lost_count - 1).where(counted))

    def amend(self, job: Job, **values: Any) -> None:
        """Changes the record of a job that has ended, for a rebuild that reads its file by other
        rules."""
        for name, value in values.items():
            setattr(job, name, value)
        with self.connected():
            self._execute(Job.update(values).where(Job.id == job.id))

    def settle_versions(self, before: int, version: int) -> None:
        """From now on every file of a row contract older than `before` is read by `version`."""
        with self.connected():
            self._execute(Job.update(schema_version=version).where(Job.schema_version < before))

    def mark_nudged(self, job_id: int) -> None:
        with self.connected():
            self._execute(Job.update(nudged_at=now_text()).where(Job.id == job_id))

    def greet(self, worker_id: str, host: str, pid: int) -> None:
        """Records a worker's heartbeat; the first one adds its row. The row of a dead worker stays
        until a check for damage."""
        now = now_text()
        with self.connected(), self.database.atomic():
            if self._execute(Worker.update(heartbeat_at=now).where(Worker.id == worker_id)) == 1:
                return
            self._execute(
                Worker.insert(id=worker_id, host=host, pid=pid, started_at=now, heartbeat_at=now)
            )

    def part(self, worker_id: str) -> None:
        """Removes a worker that shuts down cleanly."""
        with self.connected():
            self._execute(Worker.delete().where(Worker.id == worker_id))

    def workers_alive(self, host: str | None = None) -> int:
        """How many workers have sent a heartbeat recently; on one host, or anywhere."""
        with self.connected():
            return workers_alive(self.database, host)

    def check_writable(self) -> None:
        """Raises Peewee's error if nothing can be recorded now; changes nothing."""
        with self.connected(), self.database.atomic() as transaction:
            self._execute(Worker.update(pid=Worker.pid).where(Worker.id == ""))
            transaction.rollback()

    def _report_end(self, job_id: int) -> None:
        job = self._one(Job.id == job_id)
        assert job is not None
        its_import = job
        if job.kind != IMPORT:
            its_import = self._one((Job.import_id == job.import_id) & (Job.kind == IMPORT)) or job
        report = report_of_end(job, its_import)
        if report is not None:
            add_event(self.database, report)
        if job.status == ImportStatus.SUCCEEDED:
            publish_matches(self.database, job, its_import)
        else:
            discard_matches(self.database, job)

    def _report_stall(self, job: Job) -> None:
        """Reports each attempt once, however often it stalls."""
        if job.kind == IMPORT and is_stalled(job):
            add_event(self.database, report_of_stall(job, now_text()))

    def _execute(self, query: Any) -> Any:
        return query.bind(self.database).execute()


@compiled
def _any_watch(database: Database) -> list[Node]:
    return [Watch.select(Watch.id).limit(1)]
