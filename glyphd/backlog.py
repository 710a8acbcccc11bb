"""How many imports are waiting: read twice a second, so that a server's loop need not wait for a
database."""

from threading import Event, Thread

import structlog

from glyphd.importing.registry import Registry

LOOK_SECONDS = 0.5

log = structlog.get_logger(__name__)


class Backlog:
    """Knows whether another import can be queued. If the registry can't be read, the last known
    number is used."""

    def __init__(self, registry: Registry, limit: int) -> None:
        self._registry = registry
        self._limit = limit
        self._waiting = 0
        self._ended = Event()
        self._thread = Thread(target=self._look, name="backlog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def has_room(self) -> bool:
        return self._waiting < self._limit

    def _look(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self._waiting = self._registry.count_unfinished()
            except Exception:
                log.warning("backlog_unknown", exc_info=True)
