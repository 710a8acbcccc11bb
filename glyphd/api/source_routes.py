"""Answers from the kept files: every row of an import with its errors, and the source of a single
row."""

from typing import BinaryIO

from bottle import HTTPResponse
from peewee import Database

from glyphd.api.answers import answer_bytes, make_etag, require_new_tag
from glyphd.api.descriptions import BYTES, CSV, TEXT, UPLOAD_PROBLEMS, About, Answer, Content
from glyphd.api.file_answers import answer_result
from glyphd.api.kept_results import WholeResults
from glyphd.api.listing_routes import listing_key
from glyphd.api.needs import READ, READ_ITS_IMPORTS
from glyphd.api.own_addresses import own_address
from glyphd.api.query_strings import query
from glyphd.api.routes import ID, Route
from glyphd.contracts.queries import NoParameters, SourceQuery
from glyphd.db.registry_models import Job
from glyphd.errors import (
    ImportNotFound,
    ListingNotCurrent,
    ListingNotFound,
    ListingNotInImport,
    SourceMismatch,
    SourceMissing,
    SourceNotKept,
)
from glyphd.importing.job_options import NDJSON
from glyphd.importing.job_queries import require_import
from glyphd.importing.report import report_version, write_report
from glyphd.importing.source_records import Event, find_event, find_source, read_source
from glyphd.listings.formats import CONTENT_TYPES
from glyphd.listings.search import is_known
from glyphd.services import Services

REPORT = About(
    "get_import_report",
    "Imports",
    "Every row of an import's file, with its errors in front",
    (
        Answer(
            200,
            "A copy of the file, to be corrected and sent again",
            (Content(CSV, TEXT),),
            ("ETag", "Content-Disposition"),
            in_parts=True,
        ),
    ),
    "The columns `_line`, `_status` and `_errors` come first; an import ignores them.",
    problems=(*UPLOAD_PROBLEMS, ImportNotFound, SourceMissing),
)
SOURCE = About(
    "get_listing_source",
    "Listings",
    "The record in the uploaded file that an event was made from",
    (
        Answer(
            200,
            "The bytes of the record, after they were checked against the archive",
            (Content(CSV, BYTES), Content(NDJSON, BYTES)),
            ("ETag", "Content-Location", "Link"),
        ),
    ),
    "Without `import_id` it is the current event's record. `Link` is the address of the file.",
    query=SourceQuery,
    problems=(
        *UPLOAD_PROBLEMS,
        ListingNotFound,
        ListingNotCurrent,
        ListingNotInImport,
        SourceNotKept,
        SourceMissing,
        SourceMismatch,
    ),
)


class SourcesApi:
    def __init__(self, services: Services, results: WholeResults) -> None:
        self._services = services
        self._results = results

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET", f"/api/imports/{ID}/report.csv", self.report, READ_ITS_IMPORTS, about=REPORT
            ),
            Route("GET", "/api/listings/<listing_id>/source", self.source, READ, about=SOURCE),
        ]

    def report(self, import_id: str) -> HTTPResponse:
        """Every row of the kept file, re-read, for an import in any status."""
        query(NoParameters)
        services = self._services
        job = require_import(services.registry, import_id)
        headers = require_new_tag(make_etag(report_version(job, services.settings)))
        headers["Content-Disposition"] = f'attachment; filename="{job.import_id}.report.csv"'

        def write(file: BinaryIO) -> None:
            write_report(file, services.uploads, job, settings=services.settings)

        return answer_result(self._results, write, CONTENT_TYPES["csv"], headers)

    def source(self, listing_id: str) -> HTTPResponse:
        """The bytes of one row, after they were verified against the archive."""
        asked = query(SourceQuery)
        services = self._services
        event = require_event(services.archive, listing_id, asked.import_id)
        job = find_source(services.registry, event)
        here = f"/api/listings/{event.listing_id.hex()}/source?import_id={event.import_id}"
        file = f"/api/imports/{event.import_id}/file"
        headers = require_new_tag(make_etag(event.import_id, event.place)) | {
            "Content_Location": own_address(here),
            "Link": f'<{own_address(file)}>; rel="via"',
        }
        record = read_source(services.uploads, job, event, settings=services.settings)
        return answer_bytes(record, _content_type(job), **headers)


def require_event(archive: Database, listing_id: str, import_id: str | None) -> Event:
    """The event of a listing in an import; without an import the current one.

    Raises ListingNotFound, ListingNotCurrent or ListingNotInImport.
    """
    key = listing_key(listing_id)
    with archive.connection_context():
        event = find_event(archive, key, import_id)
        if event is not None:
            return event
        if not is_known(archive, key):
            raise ListingNotFound(f"there is no listing {listing_id}", listing_id=listing_id)
    if import_id is None:
        raise ListingNotCurrent(
            f"every event of listing {listing_id} is rolled back", listing_id=listing_id
        )
    raise ListingNotInImport(
        f"import {import_id} has no listing {listing_id}", listing_id=listing_id
    )


def _content_type(job: Job) -> str:
    return NDJSON if job.content_type == NDJSON else f"text/csv; charset={job.encoding}"
