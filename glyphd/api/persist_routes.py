"""`POST /api/persist/listings`: rows as JSON, validated before anything is kept, imported while the
caller waits."""

import json
from itertools import chain
from typing import Any

from bottle import HTTPResponse

from glyphd.api.body_limits import BodyLimits
from glyphd.api.callers import wanted_import
from glyphd.api.descriptions import JSON, UPLOAD_PROBLEMS, About, Content, Many, Named, RequestBody
from glyphd.api.import_log import import_line
from glyphd.api.json_bodies import read_json_body
from glyphd.api.large_json import large_json_turn
from glyphd.api.needs import SEND
from glyphd.api.outcomes import IMPORT_FAILURES, UPLOAD_ANSWERS, answer_accepted
from glyphd.api.query_strings import idempotency_key, query
from glyphd.api.routes import Route
from glyphd.api.upload_routes import require_room
from glyphd.api.waiting import Waiting
from glyphd.contracts.column_checks import CheckOptions
from glyphd.contracts.findings import Findings
from glyphd.contracts.import_options import ImportOptions
from glyphd.contracts.list_columns import given_row_schema
from glyphd.contracts.object_cells import OBJECT_HEADER
from glyphd.contracts.queries import PersistQuery
from glyphd.contracts.row_errors import RowError
from glyphd.errors import FileRefused, RowsRefused, TooManyImports, TooManyUploads
from glyphd.importing.file_rows import Place
from glyphd.importing.intake import Accepted, Described
from glyphd.importing.job_options import NDJSON, require_consistent
from glyphd.importing.json_rows import read_object
from glyphd.importing.reading import in_chunks
from glyphd.importing.requests import Asked
from glyphd.importing.validation import RowCheck
from glyphd.plurals import counted
from glyphd.services import Services
from glyphd.storage.clock import last_moment, latest_seen_at
from glyphd.times import now_text

WAIT_SECONDS = 30.0
MAX_REPORTED_ERRORS = 10_000
"""The most row errors in one answer; after that many, no further rows are checked. Megabytes of
empty rows would give millions of errors."""


PERSIST = About(
    "persist_listings",
    "Imports",
    "Upload rows as JSON and import them",
    UPLOAD_ANSWERS,
    "All rows are checked first; any error is 422 with all errors, and nothing is stored. "
    "Otherwise the rows are imported like a file, and the answer waits for the import, up to 30 "
    "seconds unless `Prefer` says otherwise. Keys are column names or aliases.",
    query=PersistQuery,
    headers=("Prefer", "Idempotency-Key"),
    body=RequestBody((Content(JSON, Many(Named("RowGiven", given_row_schema))),)),
    problems=(
        *UPLOAD_PROBLEMS,
        RowsRefused,
        TooManyImports,
        TooManyUploads,
        *IMPORT_FAILURES,
    ),
)


class PersistApi:
    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._services = services
        self._limits = BodyLimits.from_settings(services.settings)
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [Route("POST", "/api/persist/listings", self.create, SEND, about=PERSIST)]

    def create(self) -> HTTPResponse:
        """One bad row refuses all of them, and the answer has every error; otherwise the rows are
        handled like a file."""
        with import_line() as line:
            asked = query(PersistQuery)
            options = ImportOptions.model_validate(asked.model_dump())
            wanted = wanted_import(options, idempotency_key())
            require_consistent(wanted.options)
            require_room(self._services)
            accepted = line.accepted = self._accept(wanted)
        return answer_accepted(
            accepted, self._waiting, seconds_unasked=WAIT_SECONDS, is_end_expected=True
        )

    def _accept(self, wanted: Asked) -> Accepted:
        """The import that the body becomes; its rows are in memory until this returns."""
        with large_json_turn(self._services.siblings):
            rows = self._valid_rows(
                read_json_body(self._limits), may_be_empty=wanted.options.complete
            )
            return self._keep(rows, wanted)

    def _keep(self, rows: list[Any], wanted: Asked) -> Accepted:
        with self._services.uploads.receive() as receiving:
            for row in rows:
                receiving.write(
                    json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
                )
            return self._services.intake.accept(receiving, Described(None, NDJSON), wanted)

    def _valid_rows(self, rows: Any, *, may_be_empty: bool) -> list[Any]:
        """The rows of a body. Raises FileRefused for anything but an array with rows, RowsRefused
        if a row is not valid."""
        if not isinstance(rows, list):
            raise FileRefused("the body must be a JSON array of rows", found=_kind(rows))
        if not rows and not may_be_empty:
            raise FileRefused("the array has no rows", found="an empty array")
        with self._services.archive.connection_context():
            latest = latest_seen_at(last_moment(self._services.archive), now_text())
        _require_valid(rows, latest)
        return rows


def _kind(value: Any) -> str:
    """The JSON name of the value's type."""
    if isinstance(value, dict):
        return "an object"
    return "a string" if isinstance(value, str) else json.dumps(value)


def _require_valid(rows: list[Any], latest_seen_at: str) -> None:
    check = RowCheck(OBJECT_HEADER, CheckOptions(now_text(), latest_seen_at), Findings())
    read = (
        read_object(Place(number, number, 0, 0), row) for number, row in enumerate(rows, start=1)
    )
    errors: list[RowError] = []
    for chunk in in_chunks(read):
        errors += chain.from_iterable(check.rows(chunk).refused)
        if len(errors) > MAX_REPORTED_ERRORS:
            break
    if errors:
        raise _refusal(errors, len(rows))


def _refusal(found: list[RowError], row_count: int) -> RowsRefused:
    is_truncated = len(found) > MAX_REPORTED_ERRORS
    count = min(len(found), MAX_REPORTED_ERRORS)
    shown = [error.as_dict() | {"index": error.row - 1} for error in found[:count]]
    errors, rows = counted(count, "error"), counted(row_count, "row")
    detail = f"{'at least ' if is_truncated else ''}{errors} in {rows}; nothing was written"
    return RowsRefused(detail, error_count=count, errors_truncated=is_truncated, errors=shown)
