"""The archive, open for the attempts at one or several jobs."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from glyphd.db.checkpoints import checkpoint, has_long_log
from glyphd.db.troubles import DATABASE_ERRORS
from glyphd.errors import GlyphdError
from worker.context import WorkerContext

log = structlog.get_logger(__name__)


@contextmanager
def open_archive(context: WorkerContext) -> Iterator[None]:
    """Keeps the archive open for the block, and then does what its commits postponed, which takes
    time: no client should wait for the jobs any more."""
    with context.archive.connection_context():
        try:
            yield
        finally:
            _tidy(context)


def _tidy(context: WorkerContext) -> None:
    """While other jobs wait, SQLite's log may grow: small imports change the same pages, which are
    then copied once for all of them."""
    try:
        if has_long_log(context.archive) or not context.services.registry.count_unfinished():
            checkpoint(context.archive)
    except (GlyphdError, OSError, *DATABASE_ERRORS):
        log.warning("checkpoint_failed", exc_info=True)
