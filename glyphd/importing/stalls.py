"""Noticing imports whose worker has stopped, in the API's process: no other worker may be there."""

from threading import Event, Thread

import structlog

from glyphd.importing.registry import Registry

STALL_LOOK_SECONDS = 5.0

log = structlog.get_logger(__name__)


class StallWatch:
    """Reports stalled imports to the event feed. Workers do so too; each stall is reported once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._ended = Event()
        self._thread = Thread(target=self._look, name="stalls", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(STALL_LOOK_SECONDS):
            try:
                self._registry.report_stalled()
            except Exception:
                log.warning("stalls_unknown", exc_info=True)
