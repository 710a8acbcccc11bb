"""The line that every request for an import leaves in the log, accepted or refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from bottle import request

from glyphd.api.callers import caller
from glyphd.errors import GlyphdError
from glyphd.importing.intake import Accepted

MAX_REASON_CHARACTERS = 500
"""A refusal of a file repeats names from its header, which may be anything."""

log = structlog.get_logger(__name__)


@dataclass
class ImportLine:
    """What is known of the file so far."""

    filename: str | None = None

    def accepted(self, accepted: Accepted) -> None:
        """Writes the line about an import that can't be lost any more."""
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
        """Writes the line about a request that made no import."""
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
    """Writes a line when the block refuses the import; the block itself says when it has accepted
    one."""
    line = ImportLine()
    try:
        yield line
    except GlyphdError as failure:
        line.refused(failure)
        raise


def _body_bytes() -> int | None:
    """The size of the request's body as its headers have it."""
    text = str(request.environ.get("CONTENT_LENGTH") or "")
    return int(text) if text.isdecimal() and len(text) < 20 else None
