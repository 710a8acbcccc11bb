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
"""The maximum length: a refusal repeats names from the file's header, which can be anything."""
MOST_LENGTH_DIGITS = 19

log = structlog.get_logger(__name__)


@dataclass
class ImportLine:
    """What is known about the file so far, and the import that it became."""

    filename: str | None = None
    accepted: Accepted | None = None


@contextmanager
def import_line() -> Iterator[ImportLine]:
    """Writes the line when the block ends: about the accepted import, which can no longer be lost,
    or about why there is none."""
    line, client = ImportLine(), caller().client
    try:
        yield line
    except GlyphdError as failure:
        length = str(request.environ.get("CONTENT_LENGTH") or "")
        is_number = length.isdecimal() and len(length) <= MOST_LENGTH_DIGITS
        log.info(
            "import_refused",
            code=failure.code,
            reason=failure.detail[:MAX_REASON_CHARACTERS],
            client=client,
            size_bytes=int(length) if is_number else None,
            filename=line.filename,
        )
        raise
    if line.accepted is not None:
        job = line.accepted.job
        log.info(
            "import_accepted",
            import_id=job.import_id,
            client=client,
            size_bytes=job.size_bytes,
            filename=job.filename,
            replayed=line.accepted.is_replayed,
        )
