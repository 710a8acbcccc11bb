"""Delivers events to webhooks in parallel with the jobs: one thread looks for them, a few send."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread

import structlog

from glyphd.events.webhook_records import prune_attempts
from glyphd.events.webhook_targets import any_address, is_public
from glyphd.services import Services
from glyphd.times import utc_now
from worker.webhook_leases import WebhookLeases
from worker.webhook_sending import Manners, Watch
from worker.webhook_turns import Desk, WebhookTurn

LOOK_SECONDS = 1.0
SENDING_THREADS = 8
"""The sending threads. A slow receiver occupies one of them, at most for the time limit of an
exchange."""
REST_FACTOR = 100.0
LONGEST_REST_SECONDS = 2.0
"""While a job runs, a thread rests for this many times the CPU time of each request: the job keeps
nearly all of the process, even if switching threads costs as much as the request."""

log = structlog.get_logger(__name__)


class WebhookDelivery:
    """Runs in parallel with the jobs of one worker. `is_busy` returns whether a job is running."""

    def __init__(self, services: Services, stopping: Event, is_busy: Callable[[], bool]) -> None:
        self._registry = services.registry
        self._stopping = stopping
        self._is_busy = is_busy
        self._desk = Desk(
            WebhookLeases(services.registry, utc_now),
            Manners(any_address if services.settings.webhook_private else is_public),
            Watch(),
            utc_now,
            stopping.is_set,
            self._give_way,
        )
        self._running: set[str] = set()
        self._lock = Lock()
        self._pace = Lock()
        self._threads = ThreadPoolExecutor(SENDING_THREADS, thread_name_prefix="webhook")
        self._looking = Thread(target=self._look, name="webhooks", daemon=True)

    def start(self) -> None:
        self._looking.start()

    def stop(self) -> None:
        """Aborts the exchanges under way; call it when `stopping` is set. Their events are sent
        again by the next worker."""
        self._looking.join()
        self._desk.watch.stop()
        self._threads.shutdown()

    def prune(self) -> None:
        """Deletes attempts that are too old to be kept."""
        with self._registry.connected():
            prune_attempts(self._registry.database)

    def _look(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                for webhook_id in self._desk.leases.due():
                    self._begin(webhook_id)
            except Exception:
                log.warning("webhooks_unknown", exc_info=True)

    def _begin(self, webhook_id: str) -> None:
        with self._lock:
            if webhook_id in self._running:
                return
            self._running.add(webhook_id)
        self._threads.submit(self._run, webhook_id)

    def _run(self, webhook_id: str) -> None:
        try:
            lease = self._desk.leases.take(webhook_id)
            if lease is not None:
                WebhookTurn(self._desk, lease).run()
        except Exception:
            log.warning("webhook_turn_failed", webhook_id=webhook_id, exc_info=True)
        finally:
            with self._lock:
                self._running.discard(webhook_id)

    def _give_way(self, cpu_seconds: float) -> None:
        """Only one thread at a time rests: together they take as little as one of them would."""
        if self._is_busy():
            with self._pace:
                self._stopping.wait(min(REST_FACTOR * cpu_seconds, LONGEST_REST_SECONDS))
