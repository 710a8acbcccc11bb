"""Several small imports in one transaction of the archive. Each has its own batch, moment and
outcome, as if it were alone, but they are synced to the disk once."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import structlog

from glyphd.db.dialects import exclusive_write, is_sqlite
from glyphd.db.registry_models import Job
from glyphd.importing.claims import Claim
from glyphd.importing.job_queries import IMPORT
from glyphd.importing.registry import Registry
from glyphd.importing.small_files import SMALL_BYTES, is_small
from worker.context import WorkerContext
from worker.final_values import known_outcome, run_import
from worker.import_file import FileImport
from worker.progress import Progress, Watched, heartbeat
from worker.recording import End, hand_back, logged, record_ends
from worker.tidying import open_archive

MOST_TOGETHER = 64
MOST_BYTES_TOGETHER = 4 * SMALL_BYTES
"""The first one waits for the last one."""

log = structlog.get_logger(__name__)


@contextmanager
def claimed(context: WorkerContext, job_id: int) -> Iterator[list[Claim]]:
    """The job, claimed for the block, and the small imports that directly follow it in the queue if
    it is one too; empty if it can't be claimed.

    Only imports that were never attempted are claimed together, so that each is alone the next
    time. PostgreSQL needs a connection for each lock, and syncs the commits of several workers
    together by itself.
    """
    registry, locks = context.services.registry, context.services.locks
    claims: list[Claim] = []
    with ExitStack() as held:
        # Most messages are those of imports that have ended together with an earlier one.
        if registry.is_unfinished(job_id) and held.enter_context(locks.hold(job_id)):
            with registry.in_one_transaction():
                claims += _claims(context, job_id, held)
        yield claims


def _claims(context: WorkerContext, job_id: int, held: ExitStack) -> Iterator[Claim]:
    registry, locks = context.services.registry, context.services.locks
    first = registry.claim(job_id)
    if first is None:
        return
    yield first
    if not is_sqlite(context.archive) or not _can_share(first.job, first.attempt):
        return
    for job in _following(registry, first.job):
        if held.enter_context(locks.hold(job.id)):
            claim = registry.take(job)
            if claim is not None:
                yield claim


def _following(registry: Registry, first: Job) -> Iterator[Job]:
    """The next imports that can share a transaction with the first one."""
    size = first.size_bytes or 0
    for job in registry.unfinished(after=first.id, limit=MOST_TOGETHER - 1):
        size += job.size_bytes or 0
        if size > MOST_BYTES_TOGETHER or not _can_share(job, job.attempt + 1):
            return
        yield job


def _can_share(job: Job, attempt: int) -> bool:
    is_wanted = job.kind == IMPORT and job.cancel_requested_at is None
    return is_wanted and attempt == 1 and is_small(job)


def run_together(context: WorkerContext, claims: Sequence[Claim]) -> bool:
    """Runs the imports and records how they ended. False if that failed: then nothing of them was
    written, and they are handed back to be run alone, which handles every kind of problem."""
    with ExitStack() as opened:
        try:
            opened.enter_context(open_archive(context))
            ends = _write(context, claims)
        except Exception as error:  # noqa: BLE001
            # Whatever it was, an import that it concerns meets it again when it is alone.
            log.info("imports_handed_back", imports=len(claims), reason=repr(error))
        else:
            record_ends(context, ends)
            return True
    hand_back(context, claims)
    return False


def _write(context: WorkerContext, claims: Sequence[Claim]) -> list[End]:
    """Commits the batches of all imports whose files are valid."""
    registry, stopping = context.services.registry, context.stopping
    attempts = [(claim, FileImport(context, claim)) for claim in claims]
    watched = [
        Watched(registry, claim, attempt.progress, stopping, attempt.interrupt)
        for claim, attempt in attempts
    ]
    ends = []
    with heartbeat(*watched), exclusive_write(context.archive):
        for _, attempt in attempts:
            attempt.progress.has_turn = False
        for claim, attempt in attempts:
            began = time.monotonic()
            with logged(claim), _turn(attempt.progress):
                values = known_outcome(context, claim) or run_import(attempt)
            ends.append(End(claim, values, time.monotonic() - began))
    return ends


@contextmanager
def _turn(progress: Progress) -> Iterator[None]:
    progress.has_turn = True
    try:
        yield
    finally:
        progress.has_turn = False
