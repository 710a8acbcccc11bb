"""The worker process: receives messages from the queue, looks for forgotten jobs, and ends
cleanly."""

import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from uuid import uuid4

import structlog

from glyphd.db.connections import KEPT_SECONDS, KeptSqliteFile, open_archive_for_imports
from glyphd.db.troubles import Trouble, trouble_of
from glyphd.importing.source_states import SILENCE_LOOK_SECONDS
from glyphd.importing.status import STALL_LOOK_SECONDS
from glyphd.memory import RETURN_SECONDS, collect_rarely, return_free_memory
from glyphd.services import Services
from glyphd.uploads.store import HALF_RECEIVED_SECONDS, TIDY_SECONDS
from worker.context import WorkerContext
from worker.idle_summaries import IDLE_LOOK_SECONDS, IdleSummaries
from worker.orphans import OrphanSearch
from worker.quiet_check import LOOK_SECONDS, QuietCheck
from worker.taking_up import TakingUp
from worker.webhooks import WebhookDelivery

GREETING_SECONDS = 2.0
SWEEP_SECONDS = 5.0
HEALTH_CHECK_SECONDS = 10.0

log = structlog.get_logger(__name__)


def run_worker(services: Services, *, stop_with_parent: bool) -> None:
    """Runs until SIGTERM or SIGINT, or optionally until its parent process has ended. Call it in
    the main thread.

    The current job is finished, or rolled back and requeued, within `grace_seconds`.
    """
    stopping = Event()
    context = WorkerContext(services, open_archive_for_imports(services.settings), stopping)
    taking_up = TakingUp(context)
    webhooks = WebhookDelivery(services, stopping, taking_up.is_busy)
    collect_rarely()
    taking_up.start()
    webhooks.start()
    # Huey's own handlers would abort a running import at SIGINT, and restart the process at SIGHUP.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
    repeated = [
        _every(GREETING_SECONDS, stopping, partial(_greet, services, worker_id)),
        _every(KEPT_SECONDS, stopping, KeptSqliteFile.close_stale),
        _every(RETURN_SECONDS, stopping, return_free_memory),
        _every(
            TIDY_SECONDS,
            stopping,
            partial(services.uploads.forget_unfinished, HALF_RECEIVED_SECONDS),
        ),
        _every(SWEEP_SECONDS, stopping, OrphanSearch(services).look),
        _every(TIDY_SECONDS, stopping, services.registry.prune_events),
        _every(TIDY_SECONDS, stopping, webhooks.prune),
        _every(STALL_LOOK_SECONDS, stopping, services.registry.report_stalled),
        _every(SILENCE_LOOK_SECONDS, stopping, services.registry.report_silent),
        _every(SWEEP_SECONDS, stopping, taking_up.sweep),
        _every(LOOK_SECONDS, stopping, QuietCheck(services, context.is_suspect, stopping).look),
        _every(IDLE_LOOK_SECONDS, stopping, IdleSummaries(context).look),
    ]
    if stop_with_parent:
        Thread(target=_watch_parent, args=(stopping,), name="parent", daemon=True).start()
    log.info("worker_ready", worker_id=worker_id)
    while not stopping.wait(HEALTH_CHECK_SECONDS):
        taking_up.check_health()
    webhooks.stop()
    _stop(services, taking_up, repeated, worker_id)
    context.reader.close()


def _stop(services: Services, taking_up: TakingUp, repeated: list[Thread], worker_id: str) -> None:
    taking_up.stop()
    for thread in repeated:
        thread.join()
    try:
        services.registry.part(worker_id)
    except Exception:
        log.warning("deregistration_failed", exc_info=True)
    KeptSqliteFile.close_kept()
    log.info("worker_ended", worker_id=worker_id)


def _greet(services: Services, worker_id: str) -> None:
    services.registry.greet(worker_id, socket.gethostname(), os.getpid())


def _every(seconds: float, stopping: Event, action: Callable[[], object]) -> Thread:
    """Runs the action immediately and then at intervals, in a separate thread; its errors are
    logged, not fatal."""

    def repeat() -> None:
        while True:
            try:
                action()
            except Exception as error:
                if trouble_of(error) is Trouble.DAMAGED:
                    log.error("database_damaged", reason=str(error))
                else:
                    log.warning("upkeep_failed", exc_info=True)
            if stopping.wait(seconds):
                return

    thread = Thread(target=repeat, name="upkeep", daemon=True)
    thread.start()
    return thread


def _watch_parent(stopping: Event) -> None:
    """The parent has the other end of stdin, so the end of stdin means that the parent has ended
    for any reason."""
    while os.read(0, 4096):
        pass
    stopping.set()
