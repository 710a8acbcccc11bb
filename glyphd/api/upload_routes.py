"""`POST /api/import`: a CSV in any form becomes an import."""

from bottle import HTTPResponse

from glyphd.api.arriving import Body
from glyphd.api.bodies import receive_upload
from glyphd.api.callers import caller
from glyphd.api.import_log import ImportLine, import_line
from glyphd.api.outcomes import answer_upload
from glyphd.api.query_strings import idempotency_key, query_pairs
from glyphd.api.routes import Route
from glyphd.api.waiting import Waiting
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import UploadQuery
from glyphd.errors import TooManyImports
from glyphd.importing.intake import GZIP, Accepted, Described
from glyphd.importing.requests import Asked
from glyphd.plurals import counted
from glyphd.services import Services

SMALL_BYTES = 256 * 1024
SMALL_GRACE_SECONDS = 1.0
"""The answer waits this long for a small upload into an idle queue, so that its 202 usually has the
status `succeeded`."""


class UploadsApi:
    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._services = services
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [
            Route("POST", path, self.create) for path in ("/api/import", "/api/listings/import")
        ]

    def create(self) -> HTTPResponse:
        """Streams the body into the upload store, checks its first block, and answers when nothing
        can be lost."""
        with import_line() as line:
            idempotency_key()
            read_parameters(UploadQuery, query_pairs())
            waiting_before = require_room(self._services)
            accepted = self._receive(line)
            line.accepted(accepted)
        is_small = waiting_before == 0 and (accepted.job.size_bytes or 0) <= SMALL_BYTES
        return answer_upload(
            accepted, self._waiting, grace_seconds=SMALL_GRACE_SECONDS if is_small else 0
        )

    def _receive(self, line: ImportLine) -> Accepted:
        services = self._services

        def noted(body: Body) -> tuple[Described, Asked]:
            described, asked = understood(body)
            line.filename = described.filename
            return described, asked

        with services.uploads.receive() as receiving:

            def look(body: Body, is_complete: bool) -> None:
                services.intake.look(receiving, *noted(body), is_complete=is_complete)

            body = receive_upload(receiving, services.settings, look)
            return services.intake.accept(receiving, *noted(body))


def require_room(services: Services) -> int:
    """The number of waiting imports. Raises TooManyImports if the limit is reached."""
    waiting = services.registry.count_unfinished()
    if waiting >= services.settings.max_imports_waiting:
        raise TooManyImports(
            f"{counted(waiting, 'unfinished import')}, which is the limit; try again in a moment"
        )
    return waiting


def understood(body: Body) -> tuple[Described, Asked]:
    """The description of the file and the options, from the query and the fields so far."""
    options = read_parameters(UploadQuery, [*query_pairs(), *body.fields])
    if body.is_text:
        options = options.model_copy(update={"encoding": None})
    elif options.encoding is None and body.charset is not None:
        options = options.model_copy(update={"encoding": body.charset})
    return _named(body, options.filename), Asked(options, idempotency_key(), caller())


def _named(body: Body, filename: str | None) -> Described:
    """A raw body can have its name in the query; a name that ends in .gz means that it is gzip."""
    described = body.described
    name = described.filename or filename
    is_packed = (name or "").lower().endswith(".gz") and not body.is_text
    return Described(
        name, described.content_type, GZIP if is_packed else described.content_encoding
    )
