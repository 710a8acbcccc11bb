"""`POST /api/import`: a CSV in any form becomes an import."""

from bottle import HTTPResponse

from glyphd.api.arriving import Body
from glyphd.api.bodies import RAW_TYPES, receive_upload
from glyphd.api.body_limits import BodyLimits
from glyphd.api.callers import wanted_import
from glyphd.api.descriptions import (
    BYTES,
    JSON,
    UPLOAD_PROBLEMS,
    About,
    Content,
    FormFields,
    RequestBody,
)
from glyphd.api.forms import MULTIPART
from glyphd.api.import_log import import_line
from glyphd.api.large_json import large_json_turn
from glyphd.api.needs import SEND
from glyphd.api.outcomes import IMPORT_FAILURES, UPLOAD_ANSWERS, answer_accepted
from glyphd.api.query_strings import idempotency_key, query, query_pairs
from glyphd.api.routes import Route
from glyphd.api.waiting import Waiting
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import UploadQuery
from glyphd.contracts.service_views import CsvText
from glyphd.errors import TooManyImports, TooManyUploads
from glyphd.importing.intake import GZIP, Described
from glyphd.importing.requests import Asked
from glyphd.importing.small_files import SMALL_BYTES
from glyphd.plurals import counted
from glyphd.services import Services

SMALL_GRACE_SECONDS = 1.0
"""The answer waits this many seconds for a small upload into an idle queue, so that its 202 usually
has the status `succeeded`."""


UPLOAD = About(
    "upload_csv",
    "Imports",
    "Upload a CSV and import it",
    UPLOAD_ANSWERS,
    "Options are query parameters, or fields of the form. Every request is a new import, unless it "
    "repeats an `Idempotency-Key`. 422 `file_refused` is sent immediately for a file that can "
    "never be "
    "imported; row errors are in the status, and with `Prefer: wait=N` in the 422 of the import.",
    query=UploadQuery,
    headers=("Prefer", "Idempotency-Key", "Content-Encoding", "Content-Disposition"),
    body=RequestBody(
        (
            Content(MULTIPART, FormFields("CsvForm", UploadQuery, has_file=True)),
            *(Content(kind, BYTES) for kind in RAW_TYPES),
            Content(JSON, CsvText, {"filename": "offers.csv", "csv": "model,price_usd,score\n…"}),
        )
    ),
    problems=(*UPLOAD_PROBLEMS, TooManyImports, TooManyUploads, *IMPORT_FAILURES),
)


class UploadsApi:
    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._services = services
        self._limits = BodyLimits.from_settings(services.settings)
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/api/import", self.create, SEND, about=UPLOAD),
            Route(
                "POST",
                "/api/listings/import",
                self.create,
                SEND,
                about=UPLOAD.also("upload_listings_csv", "POST /api/import"),
            ),
        ]

    def create(self) -> HTTPResponse:
        """Streams the body into the upload store, checks its first block, and answers when the
        upload is stored safely."""
        services = self._services
        with import_line() as line:
            # 1. Refuse what can be refused before the body is read.
            idempotency_key()
            query(UploadQuery)
            waiting_before = require_room(services)

            with services.uploads.receive() as receiving:

                def look(body: Body, is_complete: bool) -> None:
                    described, asked = understood(body)
                    line.filename = described.filename
                    services.intake.look(receiving, described, asked, is_complete=is_complete)

                # 2. The file goes into the store; its head is checked while the rest arrives.
                with large_json_turn(services.siblings):
                    body = receive_upload(receiving, self._limits, look)
                described, asked = understood(body)
                line.filename = described.filename

                # 3. It becomes an import, which can no longer be lost.
                accepted = line.accepted = services.intake.accept(receiving, described, asked)

        # 4. The answer waits a moment for a small import that is next in the queue.
        is_small = waiting_before == 0 and (accepted.job.size_bytes or 0) <= SMALL_BYTES
        grace = SMALL_GRACE_SECONDS if is_small else 0
        return answer_accepted(accepted, self._waiting, seconds_unasked=grace)


def require_room(services: Services) -> int:
    """The number of waiting imports. Raises TooManyImports if the limit is reached."""
    waiting = services.registry.count_unfinished()
    if waiting >= services.settings.max_imports_waiting:
        raise TooManyImports(
            f"{counted(waiting, 'unfinished import')}, which is the limit; try again in a moment"
        )
    return waiting


def understood(body: Body) -> tuple[Described, Asked]:
    """The description of the file and the options, from the query and the fields received so
    far."""
    options = read_parameters(UploadQuery, [*query_pairs(), *body.fields])
    if body.is_text:
        options = options.model_copy(update={"encoding": None})
    elif options.encoding is None and body.charset is not None:
        options = options.model_copy(update={"encoding": body.charset})
    name = body.described.filename or options.filename  # a raw body may have it in the query
    is_packed = (name or "").lower().endswith(".gz") and not body.is_text
    encoding = GZIP if is_packed else body.described.content_encoding
    described = Described(name, body.described.content_type, encoding)
    return described, wanted_import(options, idempotency_key())
