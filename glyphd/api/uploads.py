"""`POST /api/import`: a CSV in any of its forms becomes an import."""

from bottle import HTTPResponse

from glyphd.api.bodies import Body, receive_upload
from glyphd.api.outcomes import accepted, ended
from glyphd.api.parameters import query_pairs, refuse_idempotency_key, wait_asked
from glyphd.api.routes import Route
from glyphd.api.waiting import Waiting
from glyphd.contracts.queries import UploadQuery, read_parameters
from glyphd.importing.intake import GZIP, Described
from glyphd.services import Services

SMALL_BYTES = 256 * 1024
SMALL_GRACE_SECONDS = 1.0
"""A small upload into an idle queue is given this long, so that its 202 usually says `succeeded` already."""


class UploadsApi:
    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._services = services
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [Route("POST", path, self.create) for path in ("/api/import", "/api/listings/import")]

    def create(self) -> HTTPResponse:
        """Streams the body into the upload store, checks its first block, and answers when nothing can be lost."""
        refuse_idempotency_key()
        pairs = query_pairs()
        read_parameters(UploadQuery, pairs)
        with self._services.uploads.receive() as receiving:
            body = receive_upload(receiving, self._services.settings)
            asked = read_parameters(UploadQuery, [*pairs, *body.fields])
            if body.is_text:
                asked = asked.model_copy(update={"encoding": None})
            is_idle = not self._services.registry.is_busy()
            job = self._services.intake.accept(receiving, _named(body, asked.filename), asked)
        seconds = wait_asked()
        if seconds:
            return ended(self._waiting.until_final(job, seconds))
        is_small = is_idle and seconds is None and (job.size_bytes or 0) <= SMALL_BYTES
        return accepted(self._waiting.until_final(job, SMALL_GRACE_SECONDS if is_small else 0))


def _named(body: Body, filename: str | None) -> Described:
    """A raw body may have its name in the query; a name that ends in .gz says that it is packed."""
    described = body.described
    name = described.filename or filename
    is_packed = (name or "").lower().endswith(".gz") and not body.is_text
    return Described(name, described.content_type, GZIP if is_packed else described.content_encoding)
