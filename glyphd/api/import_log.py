"""The log line of every request for an import, accepted or refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from bottle import request

from glyphd.api.callers import caller
from glyphd.errors import GlyphdError
from glyphd.importing.intake import Accepted

MAX_REASON_CHARACTERS = 500
"""A refusal repeats names from the file's header, which can be anything."""

log = structlog.get_logger(__name__)


@dataclass
class ImportLine:
    """What is known about the file so far."""

    filename: str | None = None

    def accepted(self, accepted: Accepted) -> None:
        """Logs an import that can no longer be lost."""
        job = accepted.job
        log.info(
            "import_accepted",
            import_id=job.import_id,
            client=caller().client,
            size_bytes=job.size_bytes,
            filename=job.filename,
            replayed=accepted.is_replayed,
        )

    def refused(self, failure: GlyphdError) -> None:
        """Logs a request that created no import."""
        log.info(
            "import_refused",
            code=failure.code,
            reason=failure.detail[:MAX_REASON_CHARACTERS],
            client=caller().client,
            size_bytes=_body_bytes(),
            filename=self.filename,
        )


@contextmanager
def import_line() -> Iterator[ImportLine]:
    """Logs a line if the block refuses the import; the block itself logs an accepted one."""
    line = ImportLine()
    try:
        yield line
    except GlyphdError as failure:
        line.refused(failure)
        raise


def _body_bytes() -> int | None:
    """The size of the request's body, from its headers."""
    text = str(request.environ.get("CONTENT_LENGTH") or "")
    return int(text) if text.isdecimal() and len(text) < 20 else None
