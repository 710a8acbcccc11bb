"""Looks for kept uploads that the registry lacks: rarely, but often after a standby was promoted,
which may not have received the registry's last rows. A worker that starts can't know whether one
was."""

import time
from math import inf

import structlog

from glyphd.db.failovers import primary_timeline
from glyphd.importing.unrecorded import SETTLED_SECONDS, take_up_unrecorded
from glyphd.services import Services

USUAL_SECONDS = 600.0
HASTY_SECONDS = 10.0
HASTE_SECONDS = 3 * SETTLED_SECONDS
"""How long it looks often, after a promotion and on PostgreSQL after the start: until every earlier
manifest is old enough to be taken up."""

log = structlog.get_logger(__name__)


class OrphanSearch:
    """The search of one worker. `look` is called every few seconds."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._timeline: str | None = None
        self._last = self._promoted = -inf

    def look(self) -> None:
        """Looks for such uploads if it is time to, and queues what it finds."""
        now = time.monotonic()
        if self._may_have_failed_over():
            self._promoted, self._last = now, -inf
        is_hasty = now < self._promoted + HASTE_SECONDS
        if now >= self._last + (HASTY_SECONDS if is_hasty else USUAL_SECONDS):
            self._last = now
            take_up_unrecorded(self._services.registry, self._services.uploads)

    def _may_have_failed_over(self) -> bool:
        timeline = primary_timeline(self._services.registry.database)
        if timeline is None or timeline == self._timeline:
            return False
        before, self._timeline = self._timeline, timeline
        if before is not None:
            log.warning("standby_promoted", timeline=timeline, before=before)
        return True
