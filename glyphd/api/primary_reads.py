"""A request that a standby could not answer is answered by the primary."""

from collections.abc import Callable

import structlog
from bottle import HTTPResponse, request

from glyphd.db.standby_reads import StandbyReads
from glyphd.services import Services

_READING = ("GET", "HEAD")

log = structlog.get_logger(__name__)


def read_again_on_primary(services: Services, handle: Callable[[], HTTPResponse]) -> HTTPResponse:
    """What the handler answers, or raises. A request opens the registry at most once.

    A request that only reads is handled once more, entirely on the primary, if its standby ended,
    or cancelled the query because it had to replay a change of the rows being read.
    """
    archive = services.archive
    try:
        with services.registry.one_connection():
            return handle()
    except Exception as error:
        if not isinstance(archive, StandbyReads) or request.method not in _READING:
            raise
        if not archive.has_failed_on_standby(error):
            raise
        log.warning("standby_failed", reason=" ".join(str(error).split()))
    with archive.on_primary(), services.registry.one_connection():
        return handle()
